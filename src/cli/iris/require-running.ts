import type { EngineContainer } from "../../docker/engine.ts";
import { ContainerStartError } from "../../errors/errors.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { LABEL_REGISTRY } from "../../registry/labels.ts";
import { commandText, projectWords, shellQuoted } from "../../settings/command-text.ts";
import { type FoundIris, findIris, type IrisOptions, type OpenIris } from "./open-iris.ts";

/** @throws ContainerStartError when the project's IRIS does not run, and what {@link findIris} throws */
export async function requireRunning(
  open: OpenIris,
  options: IrisOptions,
): Promise<FoundIris & { readonly container: EngineContainer }> {
  const found = await findIris(open, options);
  const { assignment, container } = found;
  if (container?.state === "running") return { ...found, container };
  throw noContainer(open, assignment, container);
}

/** The project's IRIS is not there, or does not run. */
export function noContainer(
  open: OpenIris,
  assignment: PortAssignment,
  container: EngineContainer | undefined,
): ContainerStartError {
  const { projectKey, port } = assignment;
  return new ContainerStartError({
    what: `The IRIS of project ${projectKey} does not run.`,
    state: container
      ? `Its container ${container.name} is ${container.state}.`
      : `No container publishes port ${port}.`,
    remedy: startRemedy(open, assignment, container),
  });
}

/** How to start an IRIS that does not run. */
export function startRemedy(
  { registry }: OpenIris,
  { projectPath, instance }: PortAssignment,
  container: EngineContainer | undefined,
): string {
  if (container?.state === "paused") return `resume it: docker unpause ${shellQuoted(container.name)}`;
  // `up` refuses to replace a container that the registry did not make.
  if (container !== undefined && container.labels[LABEL_REGISTRY] !== registry.registryPath)
    return `start it: docker start ${shellQuoted(container.name)}`;
  return `start it: ${upCommand(projectPath, instance, registry.registryPath)}`;
}

/** The command that starts a project's IRIS, or joins it. */
export function upCommand(
  projectPath: string,
  instance: string | undefined,
  registryPath: string,
  options: readonly string[] = [],
): string {
  return commandText(["up", "--project", ...projectWords(projectPath, instance), ...options], registryPath);
}
