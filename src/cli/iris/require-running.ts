import type { EngineContainer } from "../../docker/engine.ts";
import { ContainerStartError } from "../../errors/errors.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { commandText, projectWords } from "../../settings/command-text.ts";
import { type FoundIris, findIris, type IrisOptions, type OpenIris } from "./open-iris.ts";

/** @throws ContainerStartError where the project's IRIS does not run, and what {@link findIris} throws */
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
  { registry }: OpenIris,
  { projectKey, projectPath, instance, port }: PortAssignment,
  container: EngineContainer | undefined,
): ContainerStartError {
  return new ContainerStartError({
    what: `The IRIS of project ${projectKey} does not run.`,
    state: container
      ? `Its container ${container.name} is ${container.state}.`
      : `No container publishes port ${port}.`,
    remedy: `start it: ${upCommand(projectPath, instance, registry.registryPath)}`,
  });
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
