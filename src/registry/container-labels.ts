import type { PortAssignment } from "./assignment.ts";
import { type Holder, processText } from "./holder.ts";
import * as LABELS from "./labels.ts";

/** What a container is made for. */
export type LabelledUse = {
  readonly assignment: PortAssignment;
  readonly generation: string;
  readonly registryPath: string;
  readonly creator: Holder;
  readonly lifetime: "holders" | "kept";
};

/**
 * Every label of ours with nothing in it, which counts as no label. An image that was made from a container has the
 * container's labels, and hands them on.
 */
export const BLANK_LABELS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(LABELS).map((name) => [name, ""]),
);

/** The labels of a container that is made for an assignment, whoever makes it: each of ours, empty where there is none. */
export function containerLabels({ assignment, ...use }: LabelledUse): Record<string, string> {
  const { projectPath, port, instance, webPort } = assignment;
  const process = processText(use.creator);
  return {
    ...BLANK_LABELS,
    [LABELS.LABEL_PROJECT]: projectPath,
    [LABELS.LABEL_PORT]: String(port),
    ...(instance === undefined ? {} : { [LABELS.LABEL_INSTANCE]: instance }),
    ...(webPort === undefined ? {} : { [LABELS.LABEL_WEB_PORT]: String(webPort) }),
    [LABELS.LABEL_REGISTRY]: use.registryPath,
    [LABELS.LABEL_LIFETIME]: use.lifetime,
    [LABELS.LABEL_GENERATION]: use.generation,
    [LABELS.LABEL_CREATOR]: use.creator.id,
    ...(process === undefined ? {} : { [LABELS.LABEL_CREATOR_PROCESS]: process }),
  };
}
