/** Everything but the containers: what works without Testcontainers. */
export { DockerodeEngine, type DockerodeEngineOptions } from "./docker/dockerode-engine.ts";
export type { ContainerEngine, EngineContainer } from "./docker/engine.ts";
export { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "./iris/ports.ts";
export type { Leave } from "./registry/allocation/release.ts";
export type { Acquisition, AssignOptions, ProjectOptions } from "./registry/allocation/request.ts";
export type {
  AssignmentStatus,
  AssignmentType,
  Evidence,
  ListedAssignment,
  PortAssignment,
  WaitingProject,
} from "./registry/assignment.ts";
export type { RebuildOptions, Rebuilt, SkippedContainer } from "./registry/doctor/rebuild.ts";
export * from "./registry/errors.ts";
export type { CleanOptions } from "./registry/evidence/clean.ts";
export type { Liveness, Verdict } from "./registry/evidence/liveness.ts";
export {
  type ContainerIdentity,
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
export type { DirectoryIdentity } from "./registry/host/directory-identity.ts";
export type { PortProbe } from "./registry/host/port-probe.ts";
export * from "./registry/labels.ts";
export type { KnownProject } from "./registry/project.ts";
export { PortRegistry } from "./registry/registry.ts";
export type { PortRegistryOptions } from "./registry/registry-options.ts";
export { DEFAULT_PORT_RANGE } from "./settings/config.ts";
export { type CommitToken, EMPTY_DOCUMENT, type RegistryDocument, serializeDocument } from "./stores/document.ts";
export { type ParsedDocument, parseDocument } from "./stores/parse-document.ts";
export type { Cleared, SharedStore, Store, Unreadable, Update, UpdateOptions } from "./stores/store.ts";
