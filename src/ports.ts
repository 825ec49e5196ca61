/** Everything but the containers: what works without Testcontainers. */
export { DockerodeEngine, type DockerodeEngineOptions } from "./docker/dockerode-engine.ts";
export type { ContainerEngine, EngineContainer } from "./docker/engine.ts";
export { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "./iris/ports.ts";
export type { Acquisition, AssignOptions, ProjectOptions } from "./registry/allocation/acquire.ts";
export type {
  AssignmentStatus,
  AssignmentType,
  Evidence,
  ListedAssignment,
  PortAssignment,
  WaitingProject,
} from "./registry/assignment.ts";
export * from "./registry/errors.ts";
export type { Liveness } from "./registry/evidence/liveness.ts";
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
} from "./registry/holder.ts";
export type { PortProbe } from "./registry/host/port-probe.ts";
export * from "./registry/labels.ts";
export { PortRegistry } from "./registry/registry.ts";
export type { PortRegistryOptions } from "./registry/registry-options.ts";
export { DEFAULT_PORT_RANGE } from "./settings/config.ts";
export type { Store } from "./stores/store.ts";
