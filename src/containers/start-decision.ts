import type { PortAssignment } from "../ports/assignment.ts";
import {
  LABEL_CREATOR,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PROJECT,
  LABEL_REGISTRY,
  LABEL_TENURE,
} from "../ports/labels.ts";

/** A container as far as the decision depends on it. */
export type NamedContainer = {
  /** The engine's word: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
};

/** What a start sees: its assignment, and the container that has the assignment's name. */
export type StartView = {
  readonly assignment: PortAssignment;
  readonly tenure: string;
  readonly registryPath: string;
  readonly found: NamedContainer | undefined;
  /** The ids of the others who hold the assignment and use its container; none of them is known to be gone. */
  readonly others: ReadonlySet<string>;
};

/**
 * - `create`: there is no container.
 * - `join`: it runs, and it is the project's.
 * - `restart`: it is the project's, and ended: it was kept, or others still use it.
 * - `wait`: it is just being made or removed.
 * - `remove`: it was left behind by somebody who is gone.
 * - `move`: it is not this registry's: take another port, and with it another name.
 */
export type StartStep = "create" | "join" | "restart" | "wait" | "remove" | "move";

/** What a start has to do next. */
export function decideStart({ assignment, tenure, registryPath, found, others }: StartView): StartStep {
  if (found === undefined) return "create";
  const { labels, state } = found;
  if (state === "removing") return "wait";
  const isOurs =
    labels[LABEL_PROJECT] === assignment.projectPath &&
    (labels[LABEL_INSTANCE] || undefined) === assignment.instance &&
    labels[LABEL_REGISTRY] === registryPath;
  if (!isOurs) return "move";
  const isKept = labels[LABEL_LIFETIME] === "kept";
  if (!isKept && labels[LABEL_TENURE] !== tenure) return "remove";
  switch (state) {
    case "created":
      return others.has(labels[LABEL_CREATOR] ?? "") ? "wait" : "remove";
    case "exited":
      return isKept || others.size > 0 ? "restart" : "remove";
    case "dead":
      return "remove";
    case "restarting":
      return "wait";
    default:
      return "join";
  }
}
