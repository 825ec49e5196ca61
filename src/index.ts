/** Everything public; `iris-ports/ports` is the same without the containers and Testcontainers. */
export { IrisRegistryContainer } from "./containers/iris-registry-container.ts";
export { RegistryContainer } from "./containers/registry-container.ts";
export { IrisNamespace } from "./containers/session/iris-namespace.ts";
export {
  type IrisLogin,
  type SessionOptions,
  StartedIrisRegistryContainer,
} from "./containers/started-iris-registry-container.ts";
export { StartedRegistryContainer } from "./containers/started-registry-container.ts";
export { memoryCapCpf } from "./iris/cpf-merge.ts";
export { DEFAULT_IRIS_IMAGE } from "./iris/image.ts";
export type { SqlParameter } from "./iris/session/sql-parameters.ts";
export type { SqlRow, SqlValue } from "./iris/session/sql-rows.ts";
export type { IrisConnection, IrisConnectionOptions } from "./iris/urls.ts";
export * from "./ports.ts";
