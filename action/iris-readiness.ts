import { setTimeout as delay } from "node:timers/promises";
import { ContainerStartError } from "../src/errors/errors.ts";
import { diagnoseLog, READY_LINE, START_LINE } from "../src/iris/log-lines.ts";
import { SESSION_COMMAND, setupScript } from "../src/iris/session-scripts.ts";
import { parseSetupOutput } from "../src/iris/setup-output.ts";
import type { DockerCli } from "./docker-cli.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import { abortable } from "./job/interruption.ts";
import { inGroup } from "./output/log.ts";

const SESSION_RETRY_MS = 200;
const INSPECT_TIMEOUT_MS = 10_000;
const KEPT_LINES = 2_000;
const SHOWN_LINES = 30;
/** Of those, what an annotation shows. */
const DECISIVE_LINES = 3;
/** The container is removed by the time that somebody reads this. */
const READ_LOG = "read the container's log in this step's output.";

/**
 * Shows the container's log in a folded group until IRIS has started, then has a session create what is asked for: only
 * a session that answers proves that IRIS lets anybody in.
 * @throws ContainerStartError when it does not, with IRIS's own words
 */
export async function waitUntilReady(
  cli: DockerCli,
  container: { readonly id: string; readonly name: string },
  iris: IrisInputs,
  interruption: AbortSignal,
): Promise<void> {
  const log: string[] = [];
  const timeout = AbortSignal.timeout(iris.startTimeoutMs);
  const ended = new AbortController();
  const signal = AbortSignal.any([interruption, timeout, ended.signal]);
  try {
    const endedAt = await endOfEarlierRun(cli, container.id, signal);
    await inGroup(`Log of ${container.name} (${iris.image})`, async (print) => {
      const started = Promise.withResolvers<void>();
      // The last words of an earlier run may bear a time after its end.
      let isThisRun = endedAt === undefined;
      const watch = (line: string) => {
        isThisRun ||= line.includes(START_LINE);
        if (!isThisRun) return;
        print(line);
        log.splice(0, log.push(line) - KEPT_LINES);
        if (READY_LINE.test(line)) started.resolve();
        if (diagnoseLog(line) !== undefined) ended.abort();
      };
      const since = endedAt === undefined ? [] : ["--since", endedAt.toISOString()];
      const following = cli.follow(["logs", "--follow", ...since, container.id], watch, signal).then(async () => {
        if (signal.aborted) return;
        // Some logging drivers let nobody read: then the session alone tells.
        if (await isRunning(cli, container.id, signal)) started.resolve();
        else ended.abort();
      });
      await abortable(Promise.race([started.promise, following]), signal);
      await setUp(cli, container.id, iris, signal, () => ended.abort());
      ended.abort();
      await following;
    });
  } catch (cause) {
    interruption.throwIfAborted();
    if (cause instanceof ContainerStartError) throw cause;
    if (!signal.aborted) throw cause;
    throw await startError(cli, container, log, { iris, isTimeout: timeout.aborted, interruption });
  }
}

async function setUp(
  cli: DockerCli,
  id: string,
  iris: IrisInputs,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<void> {
  const script = setupScript(iris);
  for (;;) {
    const session = await abortable(
      cli.run(["exec", "--interactive", id, ...SESSION_COMMAND], { input: script }),
      signal,
    );
    const result = parseSetupOutput(session.stdout);
    if (result.isOk) return;
    if (result.failed.length > 0) {
      const [first = "", ...others] = result.failed.map(({ step, words }) => `${step}: ${words}`);
      throw new ContainerStartError({
        what: `IRIS refused to set up the ${first}`,
        state: others.join("\n"),
        remedy: "correct the inputs `username`, `password` or `namespace` accordingly.",
      });
    }
    if (!result.isSignedOn && !(await isRunning(cli, id, signal))) onEnd();
    await delay(SESSION_RETRY_MS, undefined, { signal });
  }
}

/** When a kept container ended that was started again: what is older in its log tells nothing of this run. */
async function endOfEarlierRun(cli: DockerCli, id: string, signal: AbortSignal): Promise<Date | undefined> {
  const endedAt = Date.parse(await inspect(cli, id, "State.FinishedAt", signal));
  // Of one that ended just now it is the end of this run.
  return endedAt > 0 && (await isRunning(cli, id, signal)) ? new Date(endedAt) : undefined;
}

async function isRunning(cli: DockerCli, id: string, signal: AbortSignal): Promise<boolean> {
  return (await inspect(cli, id, "State.Running", signal)) === "true";
}

/** What the engine says about a container; empty if it is gone. */
async function inspect(cli: DockerCli, id: string, field: string, signal: AbortSignal): Promise<string> {
  return (await cli.ask(["inspect", "--format", `{{.${field}}}`, id], INSPECT_TIMEOUT_MS, { signal })).stdout.trim();
}

/** Where the log was not followed far enough to show a line. */
async function lastWords(cli: DockerCli, id: string, signal: AbortSignal): Promise<readonly string[]> {
  const { stdout, stderr } = await cli.ask(["logs", "--tail", String(SHOWN_LINES), id], INSPECT_TIMEOUT_MS, { signal });
  return `${stdout}${stderr}`.split("\n");
}

async function startError(
  cli: DockerCli,
  { id, name }: { readonly id: string; readonly name: string },
  log: readonly string[],
  {
    iris,
    isTimeout,
    interruption,
  }: { readonly iris: IrisInputs; readonly isTimeout: boolean; readonly interruption: AbortSignal },
): Promise<ContainerStartError> {
  const logTail = log.slice(-SHOWN_LINES).join("\n");
  const diagnosis = diagnoseLog(log.join("\n"));
  if (diagnosis !== undefined) {
    const { what, remedy, isCauseUnknown } = diagnosis;
    return new ContainerStartError({ what, remedy: isCauseUnknown ? READ_LOG : remedy, logTail });
  }
  const lastLines = (log.length > 0 ? log : await lastWords(cli, id, interruption))
    .filter((line) => line.trim() !== "")
    .slice(-DECISIVE_LINES);
  const state = lastLines.length === 0 ? "It wrote nothing to its log." : `Its log ends with:\n${lastLines.join("\n")}`;
  if (isTimeout) {
    return new ContainerStartError({
      what: `IRIS in ${name} did not let a session in within ${iris.startTimeoutMs / 1_000} s.`,
      state,
      remedy: `check that ${iris.image} is an image of IRIS; on a slow host, use a longer \`start-timeout\`.`,
      logTail,
    });
  }
  const exitCode = await inspect(cli, id, "State.ExitCode", interruption);
  return new ContainerStartError({
    what: `The container ${name} ended with exit code ${exitCode || "unknown"} before IRIS was ready.`,
    state,
    remedy: `${READ_LOG.slice(0, -1)}, and check that ${iris.image} is an image of IRIS.`,
    logTail,
  });
}
