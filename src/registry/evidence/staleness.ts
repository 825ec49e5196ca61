import type { AssignmentStatus, Evidence, ListedAssignment } from "../assignment.ts";
import type { Entry } from "../document/edit-document.ts";
import { toHolder } from "../document/records.ts";
import { mayBeYoung } from "../document/times.ts";
import type { Holder } from "../holder.ts";
import { isEngineAbsent } from "./engine-report.ts";
import { FOREIGN_GRACE_MS } from "./first-seen.ts";
import type { Verdict } from "./liveness.ts";
import { containersOf, SEVERAL_ENGINES, type Survey } from "./survey.ts";

/** The entry with the evidence, and the status that follows from it. */
export function judge(entry: Entry, survey: Survey, now: Date, isPortInUse: boolean | undefined): ListedAssignment {
  const evidence = [
    ...entry.holders.map((holder) => holderEvidence(holder, survey.verdictOf(holder))),
    ...(entry.foreign ? [ageEvidence(entry, entry.foreign, now), portEvidence(entry, isPortInUse)] : []),
    ...engineEvidence(entry, survey),
  ];
  return { ...entry.assignment, status: statusOf(evidence), holders: entry.holders, evidence };
}

/** True for an entry that another tool made and may still rely on; such a tool names no holders. */
export function isForeignEntry(entry: Entry): boolean {
  return entry.foreign !== undefined;
}

/** Stale only if every piece of evidence says `gone`. */
function statusOf(evidence: readonly Evidence[]): AssignmentStatus {
  return evidence.every(({ verdict }) => verdict === "gone") ? "stale" : "active";
}

function holderEvidence(holder: Holder, verdict: Verdict): Evidence {
  return { kind: "holder", verdict, text: `${describeHolder(holder)}${VERDICT_TEXT[verdict]}` };
}

const VERDICT_TEXT: Readonly<Record<Verdict, string>> = {
  alive: "",
  gone: " (gone)",
  unknown: " (cannot be observed from here)",
};

/** A holder, to print. */
export function describeHolder(holder: Holder): string {
  const description = holder.description ? ` (${holder.description})` : "";
  if (holder.kind === "manual") return `manual${description}${untilText(holder.expiresAt)}`;
  if (holder.kind === "job") return `job${description}`;
  return `process ${holder.process.pid}${description}`;
}

function untilText(expiresAt: Date | undefined): string {
  return expiresAt === undefined ? "" : ` until ${expiresAt.toISOString()}`;
}

function ageEvidence(
  { assignment }: Entry,
  { assignedAt, seenAt }: NonNullable<Entry["foreign"]>,
  now: Date,
): Evidence {
  const text = (age: string) => `made by another tool${age} 15 minutes ago`;
  const isYoung = (time: Date) => now.getTime() - time.getTime() < FOREIGN_GRACE_MS;
  // A time in the future means that a clock was wrong, not that the entry is old.
  if (isYoung(assignment.assignedAt)) return { kind: "age", verdict: "alive", text: text(" less than") };
  if (!isYoung(seenAt ?? now) || !mayBeYoung(assignedAt, now, FOREIGN_GRACE_MS))
    return { kind: "age", verdict: "gone", text: text(" over") };
  const uncertain = "made by another tool; its age is not certain, because its time names no zone";
  return { kind: "age", verdict: "alive", text: seenAt ? text(", first seen less than") : uncertain };
}

function portEvidence({ assignment: { port } }: Entry, isInUse: boolean | undefined): Evidence {
  if (isInUse === undefined)
    return { kind: "port", verdict: "unknown", text: `port ${port} cannot be probed from here` };
  return { kind: "port", verdict: isInUse ? "alive" : "gone", text: `port ${port} is ${isInUse ? "" : "not "}in use` };
}

function engineEvidence(entry: Entry, survey: Survey): Evidence[] {
  const { document, engine } = survey;
  const madeOn = entry.detail?.engine;
  // No engine was there when the port was taken, and none is now: there is no container to look for.
  if (isEngineAbsent(engine) && madeOn === undefined) return [];
  if (!engine.isReachable) {
    return [{ kind: "engine", verdict: "unknown", text: "the container engine cannot be asked" }];
  }
  const containers = containersOf(survey, document, entry.assignment);
  if (containers.length > 0) {
    return containers.map(({ name, state }) => ({
      kind: "container",
      verdict: "alive",
      text: `container ${name} (${state})`,
    }));
  }
  // Documents of earlier versions name the engine's address instead of its ID.
  if (madeOn !== undefined && madeOn !== engine.id && madeOn !== engine.endpoint) {
    const text =
      madeOn === SEVERAL_ENGINES
        ? "it was used on several container engines"
        : `its engine (${madeOn}) is not the one at ${engine.endpoint}`;
    return [{ kind: "engine", verdict: "unknown", text }];
  }
  const seen = document.details.get(entry.assignment.projectKey);
  if (seen?.generation !== entry.detail?.generation) {
    return [{ kind: "engine", verdict: "unknown", text: "taken anew after the container engine was asked" }];
  }
  if (hasBeenLeft(entry, survey)) {
    return [{ kind: "engine", verdict: "unknown", text: "left after the container engine was asked" }];
  }
  return [{ kind: "container", verdict: "gone", text: "no container" }];
}

/** True if a holder has left since the engine was asked; it may have made and kept a container in the meantime. */
function hasBeenLeft({ assignment, holders }: Entry, { document, verdictOf }: Survey): boolean {
  const present = new Set(holders.map(({ id }) => id));
  const seen = (document.holders.get(assignment.projectKey) ?? []).map(toHolder);
  return seen.some((holder) => !present.has(holder.id) && verdictOf(holder) !== "gone");
}
