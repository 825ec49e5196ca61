/** Everything but the containers: what works without Testcontainers. */
export { DockerodeEngine, type DockerodeEngineOptions } from "./docker/dockerode-engine.ts";
export { PortRegistry, type PortRegistryOptions } from "./docker/port-registry.ts";
export { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "./iris/ports.ts";
export type { Acquisition, AssignOptions, ProjectOptions } from "./ports/acquire.ts";
export type {
  AssignmentStatus,
  AssignmentType,
  Evidence,
  ListedAssignment,
  PortAssignment,
} from "./ports/assignment.ts";
export { DEFAULT_PORT_RANGE } from "./ports/config.ts";
export type { ContainerEngine, EngineContainer } from "./ports/engine.ts";
export * from "./ports/errors.ts";
export {
  type Holder,
  type JobHolder,
  jobHolder,
  type ManualHolder,
  manualHolder,
  type ProcessHolder,
  type ProcessIdentity,
  processHolder,
  uniqueProcessHolder,
} from "./ports/holder.ts";
export * from "./ports/labels.ts";
export type { Liveness } from "./ports/liveness.ts";
export type { PortProbe } from "./ports/port-probe.ts";
export type { Store } from "./stores/store.ts";
