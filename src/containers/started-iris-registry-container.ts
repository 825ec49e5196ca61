import { ContainerMismatchError } from "../errors/errors.ts";
import { IRIS_WEB_PORT } from "../iris/ports.ts";
import {
  connectionOptions,
  connectionUri,
  type IrisConnection,
  type IrisConnectionOptions,
  jdbcUrl,
} from "../iris/urls.ts";
import { type ContainerUse, StartedRegistryContainer } from "./started-registry-container.ts";

/** As whom and where to work in an IRIS. */
export type IrisLogin = Pick<IrisConnection, "namespace" | "username" | "password">;

/** An IRIS on its project's port. */
export class StartedIrisRegistryContainer extends StartedRegistryContainer {
  readonly #login: IrisLogin;

  constructor(use: ContainerUse, login: IrisLogin) {
    super(use);
    this.#login = login;
  }

  /**
   * The host port of the web server: a random one, or the registry's with `withWebPort()`. Whether one listens there
   * depends on the image: only Community editions have a web server.
   * @throws ContainerMismatchError when the container was made by somebody who does not publish it
   */
  getWebPort(): number {
    try {
      return this.getMappedPort(IRIS_WEB_PORT);
    } catch (cause) {
      const containerName = this.getName().replace(/^\//, "");
      throw new ContainerMismatchError({
        what: `The container ${containerName} does not publish its web port ${IRIS_WEB_PORT}.`,
        state: "It ran already, and was joined as it is.",
        remedy: "have whoever starts it publish that port, or use withInstance(name) for a container of its own",
        containerName,
        cause,
      });
    }
  }

  getNamespace(): string {
    return this.#login.namespace;
  }

  getUsername(): string {
    return this.#login.username;
  }

  getPassword(): string {
    return this.#login.password;
  }

  /** `iris://user:password@host:port/NAMESPACE`; it holds the password. */
  getConnectionUri(): string {
    return connectionUri(this.#connection);
  }

  /** `jdbc:IRIS://host:port/NAMESPACE`, without user and password. */
  getJdbcUrl(): string {
    return jdbcUrl(this.#connection);
  }

  /** For `createConnection()` of `@intersystems/intersystems-iris-native`; they hold the password. */
  getConnectionOptions(): IrisConnectionOptions {
    return connectionOptions(this.#connection);
  }

  get #connection(): IrisConnection {
    return { ...this.#login, host: this.getHost(), port: this.getPort() };
  }
}
