import { getContainerRuntimeClient } from "testcontainers";
import { createNamespaceTask, dropNamespaceTask } from "../../iris/session/namespaces.ts";
import { objectScriptTask } from "../../iris/session/object-script.ts";
import type { SessionPlace } from "../../iris/session/session-failure.ts";
import { sqlTask } from "../../iris/session/sql.ts";
import type { SqlParameter } from "../../iris/session/sql-parameters.ts";
import type { SqlRow } from "../../iris/session/sql-rows.ts";
import {
  connectionOptions,
  connectionUri,
  type IrisConnection,
  type IrisConnectionOptions,
  jdbcUrl,
} from "../../iris/urls.ts";
import { checkText } from "../../settings/checks.ts";
import { wholeCharacters } from "../engine/whole-characters.ts";
import { readText } from "../options/copied-sources.ts";
import { importSources, runTask } from "./iris-session.ts";
import type { SessionHost } from "./session-exec.ts";

/** A namespace of an IRIS that runs in a container. */
export class IrisNamespace {
  readonly #host: SessionHost;
  readonly #connection: IrisConnection;
  readonly #place: SessionPlace;

  /** Made by `IrisNamespace.of()` and by iris-ports itself. */
  constructor(host: SessionHost, connection: IrisConnection, containerName: string) {
    this.#host = host;
    this.#connection = connection;
    this.#place = { namespace: connection.namespace, container: containerName };
  }

  /** A namespace of a container that another process started. Using it does not keep the container running. */
  static async of(container: string, connection: IrisConnection): Promise<IrisNamespace> {
    const client = wholeCharacters((await getContainerRuntimeClient()).container);
    const handle = client.getById(container);
    const host: SessionHost = { exec: (command, options) => client.exec(handle, [...command], options) };
    return new IrisNamespace(host, connection, container);
  }

  /** The host of the port. */
  getHost(): string {
    return this.#connection.host;
  }

  /** The host port of the superserver. */
  getPort(): number {
    return this.#connection.port;
  }

  /** The namespace's name. */
  getNamespace(): string {
    return this.#connection.namespace;
  }

  /** The user to log in as. */
  getUsername(): string {
    return this.#connection.username;
  }

  /** The user's password. */
  getPassword(): string {
    return this.#connection.password;
  }

  /** `iris://user:password@host:port/NAMESPACE`, with the password. */
  getConnectionUri(): string {
    return connectionUri(this.#connection);
  }

  /** `jdbc:IRIS://host:port/NAMESPACE`, without user and password. */
  getJdbcUrl(): string {
    return jdbcUrl(this.#connection);
  }

  /** Options for `createConnection()` of `@intersystems/intersystems-iris-native`, with the password. */
  getConnectionOptions(): IrisConnectionOptions {
    return connectionOptions(this.#connection);
  }

  /** As `StartedIrisRegistryContainer.runObjectScript`. @throws IrisSessionError */
  async runObjectScript(script: string | readonly string[]): Promise<string> {
    return await runTask(this.#host, objectScriptTask(script, this.#place));
  }

  /** As `StartedIrisRegistryContainer.runSql`. @throws IrisSessionError */
  async runSql(sql: string, params: readonly SqlParameter[] = []): Promise<SqlRow[]> {
    return await runTask(this.#host, sqlTask(sql, params, this.#place));
  }

  /** As `StartedIrisRegistryContainer.runSqlFile`. @throws IrisSessionError */
  async runSqlFile(path: string): Promise<SqlRow[]> {
    return await this.runSql(readText(checkText(path, "path"), "path"));
  }

  /** As `StartedIrisRegistryContainer.importClasses`. @throws IrisSessionError */
  async importClasses(path: string): Promise<string[]> {
    return await importSources(this.#host, path, this.#place);
  }

  /** As `StartedIrisRegistryContainer.createNamespace`. @throws IrisSessionError */
  async createNamespace(namespace: string): Promise<void> {
    await runTask(this.#host, createNamespaceTask(namespace, this.#place.container));
  }

  /** As `StartedIrisRegistryContainer.dropNamespace`. @throws IrisSessionError */
  async dropNamespace(namespace: string): Promise<void> {
    await runTask(this.#host, dropNamespaceTask(namespace, this.#place.container));
  }
}
