import type { EngineContainer } from "../docker/engine.ts";
import type { PortAssignment } from "./assignment.ts";
import { type Holder, type JobHolder, type ProcessHolder, parseProcessText, processText } from "./holder.ts";
import * as LABELS from "./labels.ts";

/** The purpose of a container. */
export type LabelledUse = {
  readonly assignment: PortAssignment;
  readonly generation: string;
  readonly registryPath: string;
  readonly creator: Holder;
  readonly lifetime: "holders" | "kept";
};

/**
 * All our labels with empty values, which count as no label. An image made from a container carries the container's labels
 * and passes them on, unless they are blanked.
 */
export const BLANK_LABELS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(LABELS).map((name) => [name, ""]),
);

/** Every label that tells whose a container is: ours, and those of docker compose. */
export const READ_LABELS: readonly string[] = [
  ...Object.values(LABELS),
  "com.docker.compose.project",
  "com.docker.compose.project.working_dir",
  "com.docker.compose.service",
  "com.docker.compose.version",
];

/** All labels of a container that is made for an assignment, with empty values if there is none. */
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

/**
 * The maker of a container as a holder with its former id, so that it can leave as if the registry had not lost it. A maker
 * without a known process becomes a job that cannot be observed.
 */
export function makerOf({ id, name, labels }: EngineContainer, since: Date): ProcessHolder | JobHolder {
  const holderId = labels[LABELS.LABEL_CREATOR] || `container:${id}`;
  const process = parseProcessText(labels[LABELS.LABEL_CREATOR_PROCESS]);
  const maker = { id: holderId, since, usesContainer: true, description: `made ${name}` };
  if (process === undefined) return { ...maker, kind: "job" };
  return { ...maker, kind: holderId.startsWith("job:") ? "job" : "process", process };
}
