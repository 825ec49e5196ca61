import { commandText, projectWords } from "../../settings/command-text.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { ListedAssignment } from "../assignment.ts";
import { entriesOf } from "../document/edit-document.ts";
import { IrisPortsError, PortExhaustedError, type PortOccupant } from "../errors.ts";
import { type EngineReport, isEngineAbsent } from "../evidence/engine-report.ts";
import { judge } from "../evidence/staleness.ts";
import { describeOccupant, nameListener, releaseCommand } from "./assignment-errors.ts";
import { findOccupant, type PortView } from "./occupancy.ts";
import type { AssignRequest } from "./request.ts";

const OFFERED_PORTS = 3;
const LOOKED_AT_PORTS = 50;

/** The state of an exhausted range. */
export type Exhaustion = {
  readonly portRange: readonly [number, number];
  readonly assignments: readonly ListedAssignment[];
  readonly occupants: readonly PortOccupant[];
  readonly freeOutside: readonly number[];
  /** How many wait for a port. */
  readonly waiting: number;
  /** How many free ports are reserved for those who wait. */
  readonly reserved: number;
  /** How many stale assignments were removed before the last attempt. */
  readonly removed: number;
  /** How long the caller has queued. */
  readonly waitedMs: number;
  readonly engine: EngineReport;
};

/** Describes an exhausted range from the document and the survey that decided it; `view.probe` finds free ports outside it. */
export async function describeExhaustion(
  view: PortView,
  request: AssignRequest,
  found: Pick<Exhaustion, "occupants" | "reserved" | "removed" | "waitedMs">,
  now: Date,
): Promise<Exhaustion> {
  const { document, survey } = view;
  const { portRange } = request;
  const [, last] = portRange;
  const freeOutside: number[] = [];
  const end = Math.min(last + LOOKED_AT_PORTS, 65535);
  for (let port = last + 1; port <= end && freeOutside.length < OFFERED_PORTS; port++)
    if ((await findOccupant(port, view)) === undefined) freeOutside.push(port);
  return {
    ...found,
    occupants: found.occupants.toSorted((a, b) => a.port - b.port),
    portRange,
    assignments: inRange(document, portRange)
      .map((entry) => judge(entry, survey, now, undefined))
      .toSorted((a, b) => a.port - b.port),
    freeOutside,
    waiting: document.waiters.filter(({ id }) => id !== request.waiterId).length,
    engine: survey.engine,
  };
}

/** Lists what takes each port, and how to get one. */
export function exhaustedError(exhaustion: Exhaustion, registryPath?: string): PortExhaustedError {
  const { portRange, assignments, freeOutside, waiting, reserved, removed, waitedMs, engine } = exhaustion;
  const [first, last] = portRange;
  const occupants = exhaustion.occupants.map(nameListener);
  const isJudged = engine.isReachable || isEngineAbsent(engine);
  const lines = [
    ...assignments.map(assignmentLine),
    ...occupants.map((occupant) => `  ${occupant.port}  ${describeOccupant(occupant)} (no assignment)`),
    ...(waiting > 0 ? [`  ${waiting} waiting for a port`] : []),
    ...(reserved > 0 ? [`  Free, but reserved for earlier waiters: ${reserved}`] : []),
    ...(isJudged
      ? []
      : [`  The container engine was not asked or did not answer, so nothing counts as stale: ${reasonOf(engine)}`]),
    `  Free outside the range: ${freeOutside.length > 0 ? freeOutside.join(", ") : `none up to ${Math.min(last + LOOKED_AT_PORTS, 65535)}`}`,
  ];
  const wider = freeOutside.length > 0 ? [`widen the range (IRIS_PORT_RANGE=${first}-${freeOutside[0]})`] : [];
  const freed = freeingCommand(assignments, registryPath);
  const cleaned = removed > 0 ? [`${removed} stale assignment${removed > 1 ? "s were" : " was"} removed`] : [];
  const waited = waitedMs > 0 ? [`a wait of ${Math.round(waitedMs / 1_000)} s`] : [];
  const tried = [...cleaned, ...waited].map((attempt) => `after ${attempt}`).join(" and ");
  const taken = reserved > 0 ? "taken or reserved" : "taken";
  return new PortExhaustedError({
    what: `All ports from ${first} to ${last} are ${taken}${tried === "" ? "" : `, also ${tried}`}.`,
    state: lines.join("\n"),
    remedy: `${[...freed, ...wider, waitedMs > 0 ? "wait longer (--wait, waitTimeoutMs)" : "wait for one (--wait 5m, waitTimeoutMs)"].join(", or ")}`,
    portRange,
    assignments,
    occupants,
    freeOutside,
    waitedMs,
  });
}

/** How to free a port that no process or job uses; one that also has no container comes first, because only `down` frees the others. */
function freeingCommand(assignments: readonly ListedAssignment[], registryPath: string | undefined): readonly string[] {
  const idle = assignments.filter(({ holders }) => holders.every(({ kind }) => kind === "manual"));
  const hasContainer = ({ evidence }: ListedAssignment) =>
    evidence.some(({ kind, verdict }) => kind === "container" && verdict === "alive");
  const bare = idle.find((assignment) => !hasContainer(assignment));
  if (bare) return [`release one (${releaseCommand(bare.projectPath, bare.instance, registryPath)})`];
  return idle
    .slice(0, 1)
    .map(
      ({ projectPath, instance }) =>
        `stop an IRIS (${commandText(["down", ...projectWords(projectPath, instance)], registryPath)})`,
    );
}

/** Without the engine's own remedy, which would be a second one within the state. */
function reasonOf(engine: EngineReport & { readonly isReachable: false }): string {
  return engine.error instanceof IrisPortsError ? engine.error.what : engine.reason;
}

function assignmentLine({ port, projectKey, evidence }: ListedAssignment): string {
  const reasons = evidence.filter(({ verdict }) => verdict !== "gone").map(({ text }) => text);
  return `  ${port}  ${projectKey}: ${reasons.join(", ") || "no evidence of life"}`;
}

function inRange(document: RegistryDocument, [first, last]: readonly [number, number]) {
  return entriesOf(document).filter(({ assignment: { port } }) => first <= port && port <= last);
}
