import { IrisPortsError } from "../src/errors/base.ts";
import type { PortAssignment } from "../src/registry/assignment.ts";
import { isImageCopy } from "../src/registry/evidence/ownership.ts";
import { jobHolder } from "../src/registry/holder.ts";
import { LABEL_CREATOR, LABEL_INSTANCE, LABEL_REGISTRY } from "../src/registry/labels.ts";
import { releaseIfAssigned } from "../src/registry/release-if-assigned.ts";
import type { Claim } from "./job/state.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { say, warn } from "./output/log.ts";
import { textOf } from "./output/report-error.ts";

/** The result of releasing what a step had. */
export type GivenBack = {
  /** The step's assignment: `released`, or `active` if others hold it as well. */
  readonly assignments: readonly PortAssignment[];
  /** The names of the containers that the step created and that are removed. */
  readonly removedContainers: readonly string[];
  /** False if something failed and was reported. */
  readonly isComplete: boolean;
};

/**
 * Releases what the claim's holder holds, and nothing else: removes the container if this step created it and no other holder
 * uses it, and releases the port if no other holder holds it. A failure becomes an annotation and does not stop the rest.
 */
export async function giveBack(open: OpenRegistry, claim: Claim, known: KnownFailures): Promise<GivenBack> {
  let isComplete = true;
  const report = (what: string, error: unknown) => {
    isComplete = false;
    reportFailure(what, error, known);
  };
  const assignments: PortAssignment[] = [];
  const removedContainers: string[] = [];
  const held = await heldInstances(open, claim, report);
  for (const instance of new Set([...held, ...claim.instances])) {
    const leave = { ...(instance === null ? {} : { instance }), holder: jobHolder({ id: claim.holderId }) };
    if (claim.image !== null && (await isLast(open, claim, leave, report)))
      removedContainers.push(...(await removeOwnContainers(open, claim, instance, report)));
    if (!held.includes(instance)) continue;
    const assignment = await release(open, claim, leave, report);
    if (assignment !== undefined) assignments.push(assignment);
  }
  return { assignments, removedContainers, isComplete };
}

/** Reports what was released, line by line. */
export function sayGivenBack({ assignments, removedContainers }: GivenBack): void {
  for (const name of removedContainers) say(`Removed container ${name}.`);
  for (const { projectKey, port, status } of assignments) {
    const isReleased = status === "released";
    say(
      isReleased ? `Released port ${port} (${projectKey}).` : `Port ${port} (${projectKey}) is still held by others.`,
    );
  }
}

/** Failures that were reported as annotations: the code of main's failure, and messages. */
export type KnownFailures = Set<string>;

/** Reports as an annotation, or as a line of the log if the same problem was reported before. */
export function reportFailure(what: string, error: unknown, known: KnownFailures): void {
  const message = textOf(error);
  if (error instanceof IrisPortsError && (known.has(error.code) || known.has(message))) {
    say(`${what} (${error.code}, see the annotation of the step).`);
    return;
  }
  known.add(message);
  warn(`${what}: ${message}`);
}

type Report = (what: string, error: unknown) => void;
type Leave = { readonly instance?: string; readonly holder: ReturnType<typeof jobHolder> };

/** From the document: main may have been cancelled between saving the claim and saving which instance it tried. */
async function heldInstances({ registry }: OpenRegistry, claim: Claim, report: Report): Promise<(string | null)[]> {
  try {
    return (await registry.listHeld(claim.holderId))
      .filter(({ projectPath }) => projectPath === claim.projectPath)
      .map(({ instance }) => instance ?? null);
  } catch (error) {
    report("The registry could not be read, so the port may not be released", error);
    return [];
  }
}

async function isLast({ registry }: OpenRegistry, claim: Claim, leave: Leave, report: Report): Promise<boolean> {
  try {
    return (await registry.beginLeave(claim.projectPath, leave)).isLast;
  } catch (error) {
    report("The container could not be removed, because the registry does not tell whether others use it", error);
    return false;
  }
}

async function removeOwnContainers(
  { engine, registry }: OpenRegistry,
  { holderId }: Claim,
  instance: string | null,
  report: Report,
): Promise<string[]> {
  const removed: string[] = [];
  try {
    for (const { id, name, labels } of await engine.listContainers()) {
      if (labels[LABEL_CREATOR] !== holderId || labels[LABEL_REGISTRY] !== registry.registryPath) continue;
      if ((labels[LABEL_INSTANCE] || null) !== instance) continue;
      if (isImageCopy(labels, await engine.imageLabels?.(id))) continue;
      await engine.removeContainer(id);
      removed.push(name);
    }
  } catch (error) {
    report("The container could not be removed; the next job on this host tries again", error);
  }
  return removed;
}

async function release(
  { registry }: OpenRegistry,
  claim: Claim,
  leave: Leave,
  report: Report,
): Promise<PortAssignment | undefined> {
  try {
    return await releaseIfAssigned(registry, claim.projectPath, leave);
  } catch (error) {
    report("The port could not be released", error);
    return undefined;
  }
}
