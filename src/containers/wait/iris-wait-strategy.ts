import { setTimeout as delay } from "node:timers/promises";
import { getContainerRuntimeClient, type WaitStrategy } from "testcontainers";
import { IRIS_STARTUP_TIMEOUT_MS } from "../../iris/image.ts";
import { diagnoseLog, READY_LINE, START_LINE } from "../../iris/log-lines.ts";
import { SCRIPT_VARIABLE, type SetupOptions, SHELL_SESSION_COMMAND, setupScript } from "../../iris/session-scripts.ts";
import { parseSetupOutput, type SetupResult } from "../../iris/setup-output.ts";
import type { EngineContainerHandle } from "../engine/engine-containers.ts";
import { endError, readLog, startError } from "../engine/start-failure.ts";

const FIRST_RETRY_MS = 40;
const LONGEST_RETRY_MS = 500;

type BoundPorts = Parameters<WaitStrategy["waitUntilReady"]>[1];

/**
 * Ready is an IRIS that has said so in its log, lets a session in, and has carried out the session's script, which creates
 * the user and the namespace. The port opens long before that, and the image's health check is looked at once a minute.
 * A log that tells of a failure, or a container that ends, fails at once.
 */
export class IrisWaitStrategy implements WaitStrategy {
  readonly #script: string;
  readonly #usersOwn: WaitStrategy | undefined;
  #startupTimeoutMs = IRIS_STARTUP_TIMEOUT_MS;
  #isTimeoutSet = false;

  /** @param usersOwn is waited for instead of the line of the log */
  constructor(setup: SetupOptions, usersOwn?: WaitStrategy) {
    this.#script = setupScript(setup);
    this.#usersOwn = usersOwn;
  }

  withStartupTimeout(startupTimeoutMs: number): this {
    this.#startupTimeoutMs = startupTimeoutMs;
    this.#isTimeoutSet = true;
    return this;
  }

  isStartupTimeoutSet(): boolean {
    return this.#isTimeoutSet;
  }

  getStartupTimeout(): number {
    return this.#startupTimeoutMs;
  }

  async waitUntilReady(container: EngineContainerHandle, boundPorts: BoundPorts, startTime?: Date): Promise<void> {
    const startedAt = performance.now();
    if (this.#usersOwn === undefined) {
      await this.#waitForLog(container);
      await this.#waitForSession(container, startedAt + this.#startupTimeoutMs);
    } else {
      await this.#withTimeout(this.#usersOwn).waitUntilReady(container, boundPorts, startTime);
      // It may have a longer time-out than this one.
      await this.#waitForSession(container, performance.now() + this.#startupTimeoutMs);
    }
  }

  #withTimeout(strategy: WaitStrategy): WaitStrategy {
    return strategy.isStartupTimeoutSet() ? strategy : strategy.withStartupTimeout(this.#startupTimeoutMs);
  }

  async #waitForLog(container: EngineContainerHandle): Promise<void> {
    const client = await getContainerRuntimeClient();
    // Not from when it was started this time: a container writes before the engine notes that it has started it.
    const endedAt = Date.parse((await container.inspect()).State.FinishedAt);
    const hasRunBefore = endedAt > 0;
    const stream = await client.container.logs(container, { since: hasRunBefore ? endedAt / 1000 : 0 });
    const timer = setTimeout(() => stream.destroy(new LogTimeout()), this.#startupTimeoutMs);
    let log = "";
    try {
      for await (const chunk of stream) {
        log += chunk;
        const words = hasRunBefore ? sinceStartLine(log) : log;
        if (diagnoseLog(words) !== undefined) break;
        if (READY_LINE.test(words)) return;
      }
    } catch (error) {
      if (error instanceof LogTimeout)
        throw await this.#timeoutError(container, "its log does not say that it started");
      throw error;
    } finally {
      clearTimeout(timer);
    }
    // Somebody else may have removed it by now, and its log with it.
    throw await endError(container, (whole) => diagnoseLog(whole) ?? diagnoseLog(log));
  }

  async #waitForSession(container: EngineContainerHandle, deadline: number): Promise<void> {
    let words = "nothing that is understood";
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 1.5, LONGEST_RETRY_MS)) {
      const result = await this.#runSession(container, deadline - performance.now());
      if (result?.isOk) return;
      words = result?.words ?? words;
      if (result && result.failed.length > 0) throw await refusedError(container, result);
      if (diagnoseLog(await readLog(container)) !== undefined) throw await endError(container, diagnoseLog);
      if (performance.now() > deadline) throw await this.#timeoutError(container, `a session says ${words}`);
      await delay(retryMs);
    }
  }

  /** Undefined when the session does not come to an end in time. */
  async #runSession(container: EngineContainerHandle, timeoutMs: number): Promise<SetupResult | undefined> {
    const client = await getContainerRuntimeClient();
    const timer = new AbortController();
    try {
      const env = { [SCRIPT_VARIABLE]: this.#script };
      const session = client.container.exec(container, [...SHELL_SESSION_COMMAND], { env });
      const late = delay(Math.max(timeoutMs, 1), undefined, { signal: timer.signal });
      const result = await Promise.race([session, late]);
      return result && parseSetupOutput(result.stdout);
    } catch (cause) {
      throw await endError(container, diagnoseLog, cause);
    } finally {
      timer.abort();
    }
  }

  #timeoutError(container: EngineContainerHandle, state: string) {
    return startError(container, {
      what: `IRIS was not ready within ${this.#startupTimeoutMs / 1000} s: ${state}.`,
      remedy:
        "give it more time with withStartupTimeout(milliseconds), or the container engine more processors and memory",
    });
  }
}

class LogTimeout extends Error {}

/** The last words of an earlier run may bear a time after its end. */
function sinceStartLine(log: string): string {
  const start = log.indexOf(START_LINE);
  return start < 0 ? "" : log.slice(start);
}

function refusedError(container: EngineContainerHandle, { failed }: SetupResult) {
  const refusals = failed.map(({ step, words }) => `${STEPS[step]}: ${words}`);
  return startError(container, {
    what: `IRIS refused what it was asked to set up. ${refusals.join("; ")}.`,
    remedy: "correct withUsername(), withPassword() or withNamespace() by what IRIS says",
  });
}

const STEPS = {
  ping: "Answering",
  passwords: "Lifting the expiry of the passwords",
  user: "Creating the user",
  namespace: "Creating the namespace",
  end: "Ending the session",
} as const;
