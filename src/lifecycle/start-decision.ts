import type { PortAssignment } from "../registry/assignment.ts";
import type { Verdict } from "../registry/evidence/liveness.ts";
import { isLabelledFor } from "../registry/evidence/ownership.ts";
import { LABEL_CREATOR, LABEL_GENERATION, LABEL_LIFETIME, LABEL_REGISTRY } from "../registry/labels.ts";

/** The facts about a container on which the decision depends. */
export type FoundContainer = {
  /** As the engine calls it: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  /** True if it has ended and is not being restarted. */
  readonly isSettled?: boolean;
};

/** The input of the decision: the assignment, and the container that was found for it. */
export type StartView = {
  readonly assignment: PortAssignment;
  readonly generation: string;
  readonly registryPath: string;
  readonly found: FoundContainer | undefined;
  /** The verdict on the process that made it; `unknown` if it cannot be observed from here. */
  readonly maker: Verdict;
  /** The ids of the other holders that use the container and are not known to be gone. */
  readonly others: ReadonlySet<string>;
  /** True while one of them may be restarting the container. */
  readonly isBeingRestarted: boolean;
};

/**
 * - `create`: there is no container.
 * - `join`: it runs, and it is the project's.
 * - `restart`: it was kept, and ended.
 * - `wait`: it is being made, restarted, stopped or removed.
 * - `remove`: it was left behind by a dead process, or has ended.
 * - `move`: it is not known to be this registry's: take another port, and with it another name.
 */
export type StartStep = "create" | "join" | "restart" | "wait" | "remove" | "move";

/** The next step of a start. */
export function decideStart({
  assignment,
  generation,
  registryPath,
  found,
  maker,
  others,
  ...view
}: StartView): StartStep {
  if (found === undefined) return "create";
  const { labels, state } = found;
  if (state === "removing") return "wait";
  if (!isLabelledFor(found, assignment) || labels[LABEL_REGISTRY] !== registryPath) return "move";
  const isKept = labels[LABEL_LIFETIME] === "kept";
  if (!isKept && labels[LABEL_GENERATION] !== generation) return decideLeftover(found, maker);
  if (view.isBeingRestarted && state !== "running") return "wait";
  return decideByState(found, isKept, others);
}

/**
 * The container belongs to a generation that the document does not know. A maker that cannot be observed may live in a
 * container with another registry of the same path, so its container is not touched.
 */
function decideLeftover({ state }: FoundContainer, maker: Verdict): StartStep {
  if (maker === "unknown") return "move";
  // The document was lost or cleared, but the container is still in use.
  return maker === "alive" && state === "running" ? "join" : "remove";
}

/** The container is the project's, and not a leftover. */
function decideByState(found: FoundContainer, isKept: boolean, others: ReadonlySet<string>): StartStep {
  switch (found.state) {
    case "created":
      return others.has(found.labels[LABEL_CREATOR] ?? "") ? "wait" : "remove";
    case "exited":
      // Others may use it, and one of them may be restarting it.
      if (others.size > 0 && !found.isSettled) return "wait";
      return isKept ? "restart" : "remove";
    case "dead":
      return "remove";
    case "running":
    case "paused":
      return "join";
    default:
      return "wait";
  }
}
