import { ContainerMismatchError } from "../errors/errors.ts";
import { IRIS_DATA_DIRECTORY_VARIABLE } from "../iris/image.ts";
import { IRIS_WEB_PORT } from "../iris/ports.ts";
import type { SqlParameter } from "../iris/session/sql-parameters.ts";
import type { SqlRow } from "../iris/session/sql-rows.ts";
import {
  connectionOptions,
  connectionUri,
  type IrisConnection,
  type IrisConnectionOptions,
  jdbcUrl,
  portalUrl,
  webUrl,
} from "../iris/urls.ts";
import { checkOptions } from "../settings/checks.ts";
import { type ContainerUse, whileRestarting } from "./container-use.ts";
import { IrisNamespace } from "./session/iris-namespace.ts";
import type { SessionHost } from "./session/session-exec.ts";
import { shutDown } from "./session/shut-down.ts";
import { StartedRegistryContainer } from "./started-registry-container.ts";

/** The login and the namespace of an IRIS. */
export type IrisLogin = Pick<IrisConnection, "namespace" | "username" | "password">;

/** How a session runs. */
export type SessionOptions = {
  /** @default the container's namespace */
  readonly namespace?: string;
};

/** A started IRIS container on its project's port. */
export class StartedIrisRegistryContainer extends StartedRegistryContainer {
  readonly #use: ContainerUse;
  readonly #login: IrisLogin;

  /** Made by `IrisRegistryContainer.start()`. */
  constructor(use: ContainerUse, login: IrisLogin) {
    // A killed IRIS loses its last writes, which matters only if its data is kept.
    super(use, {
      run: () => use.requests.during(() => shutDown(use.container)),
      isNeededForRemoval: () => hasDurableData(use),
    });
    this.#use = use;
    this.#login = login;
  }

  /**
   * The host port of the web server: from the registry with `withWebPort()`, else a random port. A random port changes whenever
   * the container is started; if another user restarts it, this object still returns the old port. Only Community editions
   * have a web server.
   * @throws ContainerMismatchError when the joined container does not publish the web port
   */
  getWebPort(): number {
    try {
      return this.getMappedPort(IRIS_WEB_PORT);
    } catch (cause) {
      const containerName = this.#containerName;
      throw new ContainerMismatchError({
        what: `The container ${containerName} does not publish its web port ${IRIS_WEB_PORT}.`,
        state: "It ran already, and was joined as it is.",
        remedy: "publish the port where the container is started, or use withInstance(name) for a separate container",
        containerName,
        cause,
      });
    }
  }

  /** `http://host:port`, the root of the web server; see {@link getWebPort}. */
  getWebUrl(): string {
    return webUrl({ host: this.getHost(), port: this.getWebPort() });
  }

  /** The address of the Management Portal; see {@link getWebPort}. */
  getPortalUrl(): string {
    return portalUrl({ host: this.getHost(), port: this.getWebPort() });
  }

  /**
   * Runs ObjectScript in a session and returns its output. One statement per line, as in the Terminal, but a block may
   * span several lines. There are no macros. Variables whose names begin with `ip` are reserved.
   * @throws IrisSessionError at the first error, and when the last statement's last expression is a failed %Status
   * @example
   * ```ts
   * import { IrisRegistryContainer } from "iris-ports";
   *
   * await using iris = await new IrisRegistryContainer().start();
   * const output = await iris.runObjectScript("write $zversion");
   * ```
   */
  async runObjectScript(script: string | readonly string[], options: SessionOptions = {}): Promise<string> {
    return await this.#in(options).runObjectScript(script);
  }

  /**
   * Runs SQL in ODBC mode (a date is `2026-11-28`) and returns the rows of the last statement that has any.
   * @param sql one statement; or several, separated by `;` or `GO`, without parameters
   * @param params the values for the `?` of the statement
   * @throws IrisSessionError with SQLCODE and message at the first statement that fails; the ones before it have run
   * @example
   * ```ts
   * import { IrisRegistryContainer } from "iris-ports";
   *
   * await using iris = await new IrisRegistryContainer().start();
   * const rows = await iris.runSql("SELECT Name FROM Security.Users WHERE Name = ?", ["_SYSTEM"]);
   * ```
   */
  async runSql(sql: string, params: readonly SqlParameter[] = [], options: SessionOptions = {}): Promise<SqlRow[]> {
    return await this.#in(options).runSql(sql, params);
  }

  /**
   * Runs the statements of a file; see {@link runSql}.
   * @throws InvalidArgumentError when there is no such file, or no statement in it
   */
  async runSqlFile(path: string, options: SessionOptions = {}): Promise<SqlRow[]> {
    return await this.#in(options).runSqlFile(path);
  }

  /**
   * Loads classes and routines, compiles them all at once, and returns what was compiled, such as `Shop.Order.CLS`.
   * @param path a file, a directory with everything below it, or a glob, of .cls, .mac, .inc, .int and .xml in UTF-8
   * @throws IrisSessionError with the compiler's `errors`
   */
  async importClasses(path: string, options: SessionOptions = {}): Promise<string[]> {
    return await this.#in(options).importClasses(path);
  }

  /** Creates a namespace with its own database, unless it exists. */
  async createNamespace(namespace: string): Promise<void> {
    await this.#in({}).createNamespace(namespace);
  }

  /** Deletes a namespace, its database, and everything in it. */
  async dropNamespace(namespace: string): Promise<void> {
    await this.#in({}).dropNamespace(namespace);
  }

  /** The namespace; `USER` unless `withNamespace()` set another. */
  getNamespace(): string {
    return this.#login.namespace;
  }

  /** The user; `_SYSTEM` unless `withUsername()` set another. */
  getUsername(): string {
    return this.#login.username;
  }

  /** The password; `SYS` unless `withPassword()` set another. */
  getPassword(): string {
    return this.#login.password;
  }

  /**
   * `iris://user:password@host:port/NAMESPACE`, with the password.
   * @example
   * ```ts
   * import { IrisRegistryContainer } from "iris-ports";
   *
   * await using iris = await new IrisRegistryContainer().start();
   * process.env.IRIS_URI = iris.getConnectionUri(); // iris://_SYSTEM:SYS@127.0.0.1:1972/USER
   * ```
   */
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

  get #connection(): IrisConnection {
    return { ...this.#login, host: this.getHost(), port: this.getPort() };
  }

  get #containerName(): string {
    return this.getName().replace(/^\//, "");
  }

  #in(options: SessionOptions): IrisNamespace {
    const { namespace = this.getNamespace() } = checkOptions(options);
    const host: SessionHost = {
      exec: (command, how) => this.exec(command, how),
      untilRestarted: () => whileRestarting(this.#use, async () => undefined),
    };
    return new IrisNamespace(host, { ...this.#connection, namespace }, this.#containerName);
  }
}

async function hasDurableData({ host, container }: ContainerUse): Promise<boolean> {
  const found = await host.find(container.getId());
  return found?.environment.some((entry) => entry.startsWith(`${IRIS_DATA_DIRECTORY_VARIABLE}=`)) ?? false;
}
