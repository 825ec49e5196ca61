import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ContainerRuntimeClient, WaitStrategy } from "testcontainers";
import {
  DEFAULT_IRIS_IMAGE,
  DEFAULT_IRIS_NAMESPACE,
  DEFAULT_IRIS_PASSWORD,
  DEFAULT_IRIS_USERNAME,
  IRIS_CPF_MERGE_PATH,
  IRIS_CPF_MERGE_VARIABLE,
  IRIS_LICENSE_KEY_PATH,
} from "../iris/image.ts";
import { diagnoseLog, type LogDiagnosis } from "../iris/log-lines.ts";
import { validNamespace, validPassword, validUsername } from "../iris/names.ts";
import { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "../iris/ports.ts";
import type { SetupOptions } from "../iris/session-scripts.ts";
import type { Part } from "../lifecycle/fingerprint.ts";
import { loginPart } from "../lifecycle/login-part.ts";
import type { Inspected } from "./engine/engine-containers.ts";
import { checkFile } from "./options/copied-sources.ts";
import { RegistryContainer } from "./registry-container.ts";
import { StartedIrisRegistryContainer } from "./started-iris-registry-container.ts";
import { IrisWaitStrategy } from "./wait/iris-wait-strategy.ts";

/**
 * An InterSystems IRIS container on its project's host port. `start()` resolves once IRIS accepts sessions and the user
 * and namespace exist.
 * @example
 * ```ts
 * import { IrisRegistryContainer } from "iris-ports";
 *
 * await using iris = await new IrisRegistryContainer().withNamespace("SHOP").start();
 * console.log(iris.getConnectionUri());
 * ```
 */
export class IrisRegistryContainer extends RegistryContainer {
  protected override readonly webContainerPort = IRIS_WEB_PORT;
  protected override readonly isAnyImageFine: boolean;
  #namespace: string | undefined;
  #username: string | undefined;
  #password: string | undefined;

  /** @param image an image of InterSystems, or one based on it. Default: the current Community Edition */
  constructor(image?: string) {
    super(image || DEFAULT_IRIS_IMAGE, IRIS_SUPERSERVER_PORT);
    this.isAnyImageFine = !image;
  }

  /** The namespace to work in; created if it does not exist. @default `USER` */
  withNamespace(namespace: string): this {
    this.#namespace = validNamespace(namespace);
    return this;
  }

  /** The user to log in as; created with the role %ALL if it does not exist. @default `_SYSTEM` */
  withUsername(username: string): this {
    this.#username = validUsername(username);
    return this;
  }

  /** The user's password. @default `SYS` */
  withPassword(password: string): this {
    this.#password = validPassword(password);
    return this;
  }

  /**
   * The licence key file, for images without one.
   * @throws InvalidArgumentError when there is no such file, or it cannot be read
   */
  withLicenseKey(path: string): this {
    const source = resolve(path);
    checkFile(source, "licenseKey");
    return this.withCopyFilesToContainer([{ source, target: IRIS_LICENSE_KEY_PATH, mode: 0o644 }]);
  }

  /**
   * Merges settings into IRIS's configuration before it starts, such as `memoryCapCpf(256)`.
   * @param merge the path of a merge file, or its content if it contains a line break
   * @throws InvalidArgumentError when there is no such file, or it cannot be read
   * @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=ACMF
   */
  withCpfMerge(merge: string): this {
    if (!merge.includes("\n")) checkFile(merge, "cpfMerge");
    const content = merge.includes("\n") ? merge : readFileSync(merge, "utf8");
    this.withEnvironment({ [IRIS_CPF_MERGE_VARIABLE]: IRIS_CPF_MERGE_PATH });
    return this.withCopyContentToContainer([{ content, target: IRIS_CPF_MERGE_PATH, mode: 0o644 }]);
  }

  /** The web server gets a registry port as well: 52773 + (port - 1972). Otherwise it gets a random one. */
  withWebPort(): this {
    this.settings.isWebPortWanted = true;
    return this;
  }

  override async start(): Promise<StartedIrisRegistryContainer> {
    const namespace = this.#namespace ?? DEFAULT_IRIS_NAMESPACE;
    return new StartedIrisRegistryContainer(await this.startUse(), { namespace, ...this.#login });
  }

  /** A wait strategy of the user's own takes the place of the line in the log; the session comes after it. */
  protected override async readiness(
    _client: ContainerRuntimeClient,
    _inspected: Inspected,
    waitStrategy: WaitStrategy | undefined,
  ): Promise<WaitStrategy> {
    return new IrisWaitStrategy(this.#setup, waitStrategy);
  }

  protected override diagnose(log: string): LogDiagnosis | undefined {
    return diagnoseLog(log);
  }

  protected override configuration(): readonly Part[] {
    const { username, password } = this.#login;
    return [...super.configuration(), loginPart(username, password)];
  }

  get #login() {
    return { username: this.#username ?? DEFAULT_IRIS_USERNAME, password: this.#password ?? DEFAULT_IRIS_PASSWORD };
  }

  get #setup(): SetupOptions {
    const isLoginWanted = this.#username !== undefined || this.#password !== undefined;
    return { namespace: this.#namespace, ...(isLoginWanted ? this.#login : {}) };
  }
}
