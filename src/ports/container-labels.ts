import type { PortAssignment } from "./assignment.ts";
import { type Holder, processText } from "./holder.ts";
import {
  LABEL_CREATOR,
  LABEL_CREATOR_PROCESS,
  LABEL_FINGERPRINT,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
  LABEL_TENURE,
  LABEL_WEB_PORT,
} from "./labels.ts";

/** What a container is made for. */
export type LabelledUse = {
  readonly assignment: PortAssignment;
  readonly tenure: string;
  readonly registryPath: string;
  readonly creator: Holder;
  readonly lifetime: "holders" | "kept";
};

/**
 * Every label of ours with nothing in it, which counts as no label. An image that was made from a container has the
 * container's labels, and hands them on.
 */
export const BLANK_LABELS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    LABEL_PROJECT,
    LABEL_PORT,
    LABEL_INSTANCE,
    LABEL_WEB_PORT,
    LABEL_REGISTRY,
    LABEL_LIFETIME,
    LABEL_TENURE,
    LABEL_CREATOR,
    LABEL_CREATOR_PROCESS,
    LABEL_FINGERPRINT,
  ].map((name) => [name, ""]),
);

/** The labels of a container that is made for an assignment, whoever makes it: each of ours, empty where there is none. */
export function containerLabels({ assignment, ...use }: LabelledUse): Record<string, string> {
  const { projectPath, port, instance, webPort } = assignment;
  const process = processText(use.creator);
  return {
    ...BLANK_LABELS,
    [LABEL_PROJECT]: projectPath,
    [LABEL_PORT]: String(port),
    ...(instance === undefined ? {} : { [LABEL_INSTANCE]: instance }),
    ...(webPort === undefined ? {} : { [LABEL_WEB_PORT]: String(webPort) }),
    [LABEL_REGISTRY]: use.registryPath,
    [LABEL_LIFETIME]: use.lifetime,
    [LABEL_TENURE]: use.tenure,
    [LABEL_CREATOR]: use.creator.id,
    ...(process === undefined ? {} : { [LABEL_CREATOR_PROCESS]: process }),
  };
}
