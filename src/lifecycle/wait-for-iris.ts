import { setTimeout as delay } from "node:timers/promises";
import createDebug from "debug";
import type { ContainerHost } from "../docker/container-host.ts";
import { isInTheWay, isMissing } from "../docker/engine-error-kinds.ts";
import { untilAborted } from "../errors/deadline.ts";
import { DEFAULT_IRIS_IMAGE } from "../iris/image.ts";
import { diagnoseLog } from "../iris/log-lines.ts";
import { SESSION_COMMAND, type SetupOptions, setupScript } from "../iris/session-scripts.ts";
import type { SetupFailure } from "../iris/setup-output.ts";
import { advanceStartup, beginStartup, type Startup, type StartupEvent } from "../iris/startup.ts";
import { type Advice, advised } from "./advice.ts";
import { endFailure, startFailure } from "./start-failure.ts";

const debug = createDebug("iris-ports:lifecycle");
const FIRST_RETRY_MS = 40;
const LONGEST_RETRY_MS = 500;

/** The options of the wait. */
export type IrisWaitOptions = {
  /** The user and namespace that a session sets up before IRIS counts as ready. */
  readonly setup: SetupOptions;
  readonly timeoutMs: number;
  readonly advice: Advice;
  readonly signal?: AbortSignal | undefined;
  /** Receives the lines of the container's log. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** False if sessions can be tried at once. @default true */
  readonly isLogAwaited?: boolean | undefined;
};

/**
 * Waits until IRIS in a container is ready. Fails at once if the log shows a failure, the container ends, or there is no IRIS
 * in it.
 * @throws ContainerStartError
 */
export async function waitForIris(host: ContainerHost, id: string, options: IrisWaitOptions): Promise<void> {
  await new IrisWait(host, id, options).run();
}

class IrisWait {
  readonly #host: ContainerHost;
  readonly #id: string;
  readonly #options: IrisWaitOptions;
  readonly #over = new AbortController();
  readonly #late = new AbortController();
  readonly #signal: AbortSignal;
  #startup: Startup;
  #failure: unknown;
  #image = "";
  #changed = Promise.withResolvers<void>();

  constructor(host: ContainerHost, id: string, options: IrisWaitOptions) {
    this.#host = host;
    this.#id = id;
    this.#options = options;
    const signals = [this.#over.signal, this.#late.signal, options.signal];
    this.#signal = AbortSignal.any(signals.filter((signal) => signal !== undefined));
    this.#startup = this.#begin(false);
  }

  async run(): Promise<void> {
    const { timeoutMs, signal } = this.#options;
    const timer = setTimeout(() => this.#late.abort(), timeoutMs);
    let background: readonly Promise<void>[] = [];
    try {
      const found = await this.#host.find(this.#id, { signal: this.#signal });
      this.#image = found?.imageName ?? "";
      // The log of a container that no longer runs ends with this run.
      const endOfEarlierRun = found?.isRunning ? found.finishedAt : undefined;
      this.#startup = this.#begin(endOfEarlierRun !== undefined);
      background = [this.#followLog(endOfEarlierRun), this.#lookForIris(found?.startedAt), this.#trySessions()].map(
        (work) => work.catch((error: unknown) => this.#fail(error)),
      );
      await this.#untilReady();
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#late.signal.aborted ? await this.#timeoutFailure() : error;
    } finally {
      clearTimeout(timer);
      this.#over.abort();
      await Promise.all(background);
    }
  }

  #begin(hasRunBefore: boolean): Startup {
    return beginStartup({ isLogAwaited: this.#options.isLogAwaited ?? true, hasRunBefore });
  }

  async #untilReady(): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const { next, complaints } = this.#startup;
      if (next.kind === "ready") return;
      if (next.kind === "failed") {
        // Another process may have removed it by now, and its log with it.
        const known = () => next.diagnosis ?? diagnoseLog(complaints.join("\n"));
        throw await endFailure(this.#host, this.#id, (log) =>
          advised(diagnoseLog(log) ?? known(), this.#options.advice),
        );
      }
      if (next.kind === "refused") throw await this.#refusedFailure(next.refusals);
      if (next.kind === "no-iris") throw await this.#noIrisFailure();
      await untilAborted(this.#changed.promise, this.#signal);
    }
  }

  async #followLog(since: Date | undefined): Promise<void> {
    const onLine = (line: string) => {
      const wasThisRun = this.#startup.isThisRun;
      this.#advance({ kind: "log", line });
      if (wasThisRun || this.#startup.isThisRun) this.#options.onLine?.(line);
    };
    await this.#host.followLog(this.#id, { since, signal: this.#signal, onLine });
    if (!this.#signal.aborted) this.#advance({ kind: "log-ended", isRunning: await this.#isRunning() });
  }

  /** Checks for IRIS, because a container without it would never report that it has started. */
  async #lookForIris(startedAt: string | undefined): Promise<void> {
    try {
      const look = ["sh", "-c", "command -v iris"];
      const { exitCode } = await this.#host.exec(this.#id, look, { signal: this.#signal });
      const now = exitCode === 0 ? undefined : await this.#host.find(this.#id, { signal: this.#signal });
      // In a container that ended meanwhile, and was perhaps restarted, the command failed for that reason.
      if (now?.isRunning && now.startedAt === startedAt) this.#advance({ kind: "no-iris" });
    } catch (error) {
      // If this check fails, the session fails as well and reports it.
      debug("it is unknown whether %s has an iris command: %o", this.#id, error);
    }
  }

  async #trySessions(): Promise<void> {
    const input = setupScript(this.#options.setup);
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 1.5, LONGEST_RETRY_MS)) {
      while (this.#startup.next.kind === "read-log") await untilAborted(this.#changed.promise, this.#signal);
      if (this.#startup.next.kind !== "run-session") return;
      try {
        const { stdout } = await this.#host.exec(this.#id, SESSION_COMMAND, {
          input,
          timeoutMs: this.#options.timeoutMs,
          signal: this.#signal,
        });
        this.#advance({ kind: "session", output: stdout });
      } catch (error) {
        if (!isMissing(error) && !isInTheWay(error)) throw error;
      }
      if (!(await this.#isRunning())) this.#advance({ kind: "log-ended", isRunning: false });
      await delay(retryMs, undefined, { signal: this.#signal });
    }
  }

  async #isRunning(): Promise<boolean> {
    return (await this.#host.find(this.#id, { signal: this.#signal }))?.isRunning ?? false;
  }

  #advance(event: StartupEvent): void {
    this.#startup = advanceStartup(this.#startup, event);
    this.#wake();
  }

  #fail(error: unknown): void {
    // Requests that are given up after the wait fail as well.
    if (this.#signal.aborted) return;
    this.#failure = error;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #timeoutFailure(): Promise<Error> {
    return startFailure(this.#host, this.#id, {
      what: `IRIS was not ready within ${this.#options.timeoutMs / 1000} s: ${this.#startup.missing}.`,
      remedy: `give it more time with ${this.#options.advice.moreTime}, or the container engine more processors and memory`,
    });
  }

  #refusedFailure(refusals: readonly SetupFailure[]): Promise<Error> {
    const words = refusals.map((refusal) => `${STEPS[refusal.step]}: ${refusal.words}`);
    return startFailure(this.#host, this.#id, {
      what: `IRIS refused the login or namespace. ${words.join("; ")}.`,
      remedy: `correct ${this.#options.advice.login} as IRIS's message says`,
    });
  }

  #noIrisFailure(): Promise<Error> {
    return startFailure(this.#host, this.#id, {
      what: `There is no IRIS in the image ${this.#image}: its container has no \`iris\` command.`,
      remedy: `name an image of IRIS, for example ${DEFAULT_IRIS_IMAGE}`,
    });
  }
}

const STEPS = {
  ping: "Answering",
  passwords: "Lifting the expiry of the passwords",
  user: "Creating the user",
  namespace: "Creating the namespace",
  end: "Ending the session",
} as const;
