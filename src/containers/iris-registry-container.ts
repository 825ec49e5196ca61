import type { InspectResult, StartedTestContainer, WaitStrategy } from "testcontainers";
import { InvalidArgumentError } from "../errors/errors.ts";
import { joinCpfMerges } from "../iris/cpf-merge.ts";
import {
  DEFAULT_IRIS_IMAGE,
  DEFAULT_IRIS_NAMESPACE,
  DEFAULT_IRIS_PASSWORD,
  DEFAULT_IRIS_USERNAME,
  IRIS_CPF_MERGE_PATH,
  IRIS_CPF_MERGE_VARIABLE,
  IRIS_DATA_DIRECTORY,
  IRIS_DATA_DIRECTORY_VARIABLE,
  IRIS_DURABLE_MOUNT,
  IRIS_LICENSE_KEY_PATH,
} from "../iris/image.ts";
import { diagnoseLog } from "../iris/log-lines.ts";
import { validNamespace, validPassword, validUsername } from "../iris/names.ts";
import { IRIS_SUPERSERVER_PORT, IRIS_WEB_PORT } from "../iris/ports.ts";
import type { InitScript } from "../iris/session/init-scripts.ts";
import type { SetupOptions } from "../iris/session-scripts.ts";
import { advised, LIBRARY_ADVICE } from "../lifecycle/advice.ts";
import type { Part } from "../lifecycle/fingerprint.ts";
import { loginPart } from "../lifecycle/login-part.ts";
import type { Diagnosis } from "../lifecycle/start-failure.ts";
import { checkText } from "../settings/checks.ts";
import { fullPath } from "../settings/working-directory.ts";
import type { TestcontainersHost } from "./engine/testcontainers-host.ts";
import { checkFile, readText } from "./options/copied-sources.ts";
import { durableDirectory, giveVolumeToIris, volumeName } from "./options/durable-data.ts";
import { RegistryContainer } from "./registry-container.ts";
import { INIT_MARK_PATH, initScriptsDone, markOf, readInitScripts, runInitScripts } from "./session/init-scripts.ts";
import { StartedIrisRegistryContainer } from "./started-iris-registry-container.ts";
import { IrisWaitStrategy } from "./wait/iris-wait-strategy.ts";

/** An environment variable that a method sets. */
type OwnVariable = { readonly name: string; readonly value: string; readonly method: string };

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
  #durableVolume: string | undefined;
  readonly #cpfMerges: string[] = [];
  readonly #initScripts: InitScript[] = [];
  readonly #ownVariables: OwnVariable[] = [];

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
    const source = fullPath(checkText(path, "licenseKey"));
    checkFile(source, "licenseKey");
    return this.withCopyFilesToContainer([{ source, target: IRIS_LICENSE_KEY_PATH, mode: 0o644 }]);
  }

  /**
   * Merges settings into IRIS's configuration before it starts, such as `memoryCapCpf(256)`. Further calls add to it.
   * @param merge the path of a merge file, or its content if it contains a line break
   * @throws InvalidArgumentError when there is no such file, or it cannot be read
   * @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=ACMF
   */
  withCpfMerge(merge: string): this {
    checkText(merge, "cpfMerge");
    this.#cpfMerges.push(merge.includes("\n") ? merge : readText(merge, "cpfMerge"));
    this.#setVariable({ name: IRIS_CPF_MERGE_VARIABLE, value: IRIS_CPF_MERGE_PATH, method: "withCpfMerge()" });
    return this.#copyInstead({ content: joinCpfMerges(this.#cpfMerges), target: IRIS_CPF_MERGE_PATH });
  }

  /** The web server gets a registry port as well: 52773 + (port - 1972). Otherwise it gets a random one. */
  withWebPort(): this {
    this.settings.isWebPortWanted = true;
    return this;
  }

  /**
   * Scripts that prepare a new container, run in order in its namespace: `.sql`; classes and routines (`.cls`, `.mac`,
   * `.inc`, `.int`, `.xml`); everything else is ObjectScript. A directory stands for all files below it, sorted by
   * path. A start that joins a container does not run them, but waits until they have run.
   * @throws InvalidArgumentError when there is no such file, or it cannot be read; `start()` throws IrisSessionError
   */
  withInitScripts(...paths: readonly string[]): this {
    this.#initScripts.push(...readInitScripts(paths));
    return this.#copyInstead({ content: markOf(this.#initScripts), target: INIT_MARK_PATH });
  }

  /**
   * Keeps IRIS's databases and configuration in a directory of this machine, which is created if it does not exist, or in a
   * volume of the engine. `stop()` then shuts IRIS down before it removes the container: a killed IRIS loses its last writes.
   * @param directoryOrVolume a path with a slash, or the name of a volume
   * @throws InvalidArgumentError when IRIS, whose uid is 51773, could not write to the directory
   */
  withDurableData(directoryOrVolume: string): this {
    this.#durableVolume = volumeName(directoryOrVolume);
    this.#setVariable({ name: IRIS_DATA_DIRECTORY_VARIABLE, value: IRIS_DATA_DIRECTORY, method: "withDurableData()" });
    const source = this.#durableVolume ?? durableDirectory(directoryOrVolume);
    return this.withBindMounts([{ source, target: IRIS_DURABLE_MOUNT, mode: "rw" }]);
  }

  override async start(): Promise<StartedIrisRegistryContainer> {
    this.#checkLogin();
    for (const variable of this.#ownVariables) this.#checkVariable(variable);
    const use = await this.startUse();
    return new StartedIrisRegistryContainer(use, { namespace: this.#effectiveNamespace, ...this.#login });
  }

  protected override async beforeContainerCreated(): Promise<void> {
    if (this.#durableVolume !== undefined) await giveVolumeToIris(this.imageName.string, this.#durableVolume);
  }

  protected override async containerStarted(
    container: StartedTestContainer,
    _inspected: InspectResult,
    isReused: boolean,
  ): Promise<void> {
    if (isReused || this.#initScripts.length === 0) return;
    const place = { namespace: this.#effectiveNamespace, container: container.getName().replace(/^\//, "") };
    await runInitScripts(container, this.#initScripts, place);
  }

  protected override async containerJoined(container: StartedTestContainer): Promise<void> {
    await initScriptsDone(container, this.startupTimeoutMs);
  }

  /** A wait strategy of the user replaces the wait for the log line; a session is tried in either case. */
  protected override readiness(host: TestcontainersHost, waitStrategy: WaitStrategy | undefined): WaitStrategy {
    return new IrisWaitStrategy(host, this.#setup, waitStrategy);
  }

  protected override get isAlwaysAnswering(): boolean {
    return true;
  }

  protected override diagnose(log: string): Diagnosis | undefined {
    return advised(diagnoseLog(log), LIBRARY_ADVICE);
  }

  protected override configuration(): readonly Part[] {
    const { username, password } = this.#login;
    return [...super.configuration(), loginPart(username, password)];
  }

  /** A new user has no default password. */
  #checkLogin(): void {
    if (this.#username === undefined || this.#password !== undefined) return;
    throw new InvalidArgumentError({
      what: `The user ${this.#username} has no password: withUsername() was called without withPassword().`,
      remedy: "call withPassword() as well, or leave withUsername() out",
      argument: "password",
      value: undefined,
    });
  }

  #setVariable(variable: OwnVariable): void {
    this.#checkVariable(variable);
    this.#ownVariables.push(variable);
    this.withEnvironment({ [variable.name]: variable.value });
  }

  /** With another value, IRIS would silently ignore the merge file or data directory that a method was given. */
  #checkVariable({ name, value, method }: OwnVariable): void {
    const set = this.environment[name];
    if (set === undefined || set === value) return;
    throw new InvalidArgumentError({
      what: `withEnvironment() sets ${name} to ${JSON.stringify(set)}, but ${method} needs it to be ${value}.`,
      remedy: `leave ${name} or ${method} out`,
      argument: name,
      value: set,
    });
  }

  /** Replaces an earlier content for the same target. */
  #copyInstead({ content, target }: { readonly content: string; readonly target: string }): this {
    this.contentsToCopy = this.contentsToCopy.filter((copied) => copied.target !== target);
    return this.withCopyContentToContainer([{ content, target, mode: 0o644 }]);
  }

  get #effectiveNamespace(): string {
    return this.#namespace ?? DEFAULT_IRIS_NAMESPACE;
  }

  get #login() {
    return { username: this.#username ?? DEFAULT_IRIS_USERNAME, password: this.#password ?? DEFAULT_IRIS_PASSWORD };
  }

  get #setup(): SetupOptions {
    const isLoginWanted = this.#username !== undefined || this.#password !== undefined;
    return { namespace: this.#namespace, ...(isLoginWanted ? this.#login : {}) };
  }
}
