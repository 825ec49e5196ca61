import { createHash } from "node:crypto";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { debug } from "@actions/core";
import { observeProcess } from "../../src/registry/evidence/liveness.ts";
import type { ProcessIdentity } from "../../src/registry/holder.ts";
import { messageOf, say } from "../output/log.ts";
import type { Job } from "./job.ts";

/** How long main may take to release what it took, which may include removing a container. */
const RELEASE_MS = 15_000;
const KILL_MS = 5_000;
const POLL_MS = 50;

/**
 * Ends a main that still runs when its post begins. Cancelling a step of a job container ends only the runner's `docker
 * exec`; the process inside runs on, and would take a port and start IRIS after post has checked. Only a process that
 * is provably that main is ended.
 * @returns false when it still runs
 */
export async function endOrphanedMain(main: ProcessIdentity): Promise<boolean> {
  if ((await observeProcess(main)) !== "alive") return true;
  say(`The step's main process ${main.pid} still runs after it was cancelled; ending it.`);
  return (await ended(main, "SIGINT", RELEASE_MS)) || (await ended(main, "SIGKILL", KILL_MS));
}

async function ended(main: ProcessIdentity, signal: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  if ((await observeProcess(main)) === "alive") send(signal, main);
  while ((await observeProcess(main)) === "alive") {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Main may have just ended, or belong to another user. What it took is released in any case. */
function send(signal: NodeJS.Signals, { pid }: ProcessIdentity): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    debug(`${signal} was not sent to process ${pid}: ${messageOf(error)}`);
  }
}

/** Records that post has run, for a main that was cancelled before it saved what post needs to find it. */
export function markPostDone(readJob: () => Job): void {
  try {
    const path = markPath(readJob());
    if (path !== undefined) writeFileSync(path, "");
  } catch (error) {
    debug(`the mark that post has run was not written: ${messageOf(error)}`);
  }
}

/** True when post has run since this process started: nothing that main takes from now on would be released. */
export function isPostDone(job: Job): boolean {
  const path = markPath(job);
  return path !== undefined && existsSync(path) && statSync(path).mtimeMs > performance.timeOrigin;
}

function markPath({ id, action }: Job): string | undefined {
  const directory = process.env["RUNNER_TEMP"];
  if (!directory) return undefined;
  const name = createHash("sha256")
    .update(JSON.stringify([id, action]))
    .digest("hex")
    .slice(0, 16);
  return join(directory, `iris-ports-${name}.done`);
}
