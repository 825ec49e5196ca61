import type { EngineContainer } from "../../docker/engine.ts";
import { PortConflictError } from "../../registry/errors.ts";
import { composeDirectory } from "../../registry/evidence/survey.ts";
import type { OpenIris } from "./open-iris.ts";
import { stopRemedy } from "./stop-remedy.ts";

type Target = { readonly projectPath: string; readonly instance: string | undefined };

/** The error of a start that failed, or a better one if docker compose runs the project's IRIS already. */
export async function withComposeAdvice(
  error: unknown,
  { registry, engine }: OpenIris,
  { projectPath, instance }: Target,
): Promise<unknown> {
  if (!(error instanceof PortConflictError) || error.occupant.kind !== "container") return error;
  const { port, occupant } = error;
  const container = (await engine.listContainers()).find(({ name }) => name === occupant.name);
  if (container === undefined || !isRunByCompose(container, projectPath)) return error;
  const assignment = await registry.getAssignment(projectPath, { instance });
  return composeConflict(container, port, assignment?.port === port);
}

/** Before an image is pulled that could not be started. @throws PortConflictError */
export async function refuseBesideCompose(
  { registry, engine }: OpenIris,
  { projectPath, instance }: Target,
): Promise<void> {
  const assignment = await registry.getAssignment(projectPath, { instance });
  if (assignment === undefined) return;
  const container = (await engine.listContainers()).find(
    (one) => isRunByCompose(one, projectPath) && one.hostPorts.includes(assignment.port),
  );
  if (container !== undefined) throw composeConflict(container, assignment.port, true);
}

function isRunByCompose(container: EngineContainer, projectPath: string): boolean {
  return container.state === "running" && composeDirectory(container) === projectPath;
}

function composeConflict(container: EngineContainer, port: number, isOnAssignedPort: boolean): PortConflictError {
  const { name } = container;
  return new PortConflictError({
    what: `Docker compose runs a container of this project on port ${port} already: ${name}.`,
    state: `Nothing was started.${isOnAssignedPort ? " The commands status, session and env use it already." : ""}`,
    remedy: `work with that one, or ${stopRemedy(container)}`,
    port,
    occupant: { kind: "container", port, name },
  });
}
