import type { PortAssignment } from "../src/registry/assignment.ts";
import { PortNotAssignedError } from "../src/registry/errors.ts";
import { jobHolder } from "../src/registry/holder.ts";
import { LABEL_CREATOR, LABEL_INSTANCE, LABEL_REGISTRY } from "../src/registry/labels.ts";
import type { Claim } from "./job/state.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { messageOf, warn } from "./output/log.ts";

/** What a step had, and what became of it. */
export type GivenBack = {
  /** `released`, or `active` where it is others' by now. */
  readonly assignments: readonly PortAssignment[];
  /** The names of the containers that the step created and that are removed. */
  readonly removedContainers: readonly string[];
};

/**
 * Leaves what the claim's holder holds, and nothing else: a container goes when it was this step that created it and
 * nobody else uses it, the port when nobody else holds it. What fails is an annotation, and does not keep the rest back.
 */
export async function giveBack(open: OpenRegistry, claim: Claim): Promise<GivenBack> {
  const assignments: PortAssignment[] = [];
  const removedContainers: string[] = [];
  for (const instance of claim.instances) {
    const which = instance === null ? {} : { instance };
    const leave = { ...which, holder: jobHolder({ id: claim.holderId }) };
    if (claim.image !== null && (await isLast(open, claim.projectPath, leave))) {
      removedContainers.push(...(await removeOwnContainers(open, claim, instance)));
    }
    const assignment = await release(open, claim.projectPath, leave);
    if (assignment !== undefined) assignments.push(assignment);
  }
  return { assignments, removedContainers };
}

type Leave = { readonly instance?: string; readonly holder: ReturnType<typeof jobHolder> };

async function isLast({ registry }: OpenRegistry, project: string, leave: Leave): Promise<boolean> {
  try {
    return (await registry.beginLeave(project, leave)).isLast;
  } catch (error) {
    warnOf("The container could not be left", error);
    return false;
  }
}

async function removeOwnContainers(
  { engine, registry }: OpenRegistry,
  { holderId }: Claim,
  instance: string | null,
): Promise<string[]> {
  const removed: string[] = [];
  try {
    for (const { id, name, labels } of await engine.listContainers()) {
      if (labels[LABEL_CREATOR] !== holderId || labels[LABEL_REGISTRY] !== registry.registryPath) continue;
      if ((labels[LABEL_INSTANCE] || null) !== instance) continue;
      await engine.removeContainer(id);
      removed.push(name);
    }
  } catch (error) {
    warnOf("The container could not be removed; the next cleaning tries again", error);
  }
  return removed;
}

async function release({ registry }: OpenRegistry, project: string, leave: Leave): Promise<PortAssignment | undefined> {
  try {
    return await registry.releasePort(project, leave);
  } catch (error) {
    // Given back already: post runs twice, or the port never was taken.
    if (!(error instanceof PortNotAssignedError)) warnOf("The port could not be given back", error);
    return undefined;
  }
}

function warnOf(what: string, error: unknown): void {
  warn(`${what}: ${messageOf(error)}`);
}
