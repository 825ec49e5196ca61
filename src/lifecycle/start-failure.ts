import createDebug from "debug";
import type { ContainerHost } from "../docker/container-host.ts";
import type { ContainerEngine } from "../docker/engine.ts";
import { engineError, statusOf } from "../docker/engine-error.ts";
import { engineWords } from "../docker/engine-error-kinds.ts";
import { type ErrorText, IrisPortsError } from "../errors/base.ts";
import { ContainerStartError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";
import { LOG_REMEDY } from "../iris/log-lines.ts";
import type { Advice } from "./advice.ts";

const debug = createDebug("iris-ports:lifecycle");
const TAIL_LINES = 40;
/** The time-out of requests about a failed container. */
const LOOK_TIMEOUT_MS = 3_000;

/** The problem found in a log, and how to fix it. */
export type Diagnosis = { readonly what: string; readonly remedy: string };

/** A failed start with the last lines of the container's log, which are read before it is removed. */
export async function startFailure(host: ContainerHost, id: string, text: ErrorText): Promise<ContainerStartError> {
  const logTail = await readLog(host, id, TAIL_LINES);
  const lastWords = logTail ? `The last lines of its log:\n${logTail.replaceAll(/^/gm, "  ")}` : "It has no log.";
  const state = text.state === undefined ? lastWords : `${text.state}\n${lastWords}`;
  return new ContainerStartError({ ...text, state, logTail });
}

/** Why a container does not run: from its log if `diagnose` understands it, else from its state. */
export async function endFailure(
  host: ContainerHost,
  id: string,
  diagnose: (log: string) => Diagnosis | undefined,
  cause?: unknown,
): Promise<ContainerStartError> {
  const [log, end] = await Promise.all([readLog(host, id), describeEnd(host, id)]);
  const diagnosis = diagnose(log ?? "");
  return startFailure(host, id, {
    what: diagnosis?.what ?? `The container ended before it was ready: ${end}.`,
    state: diagnosis && `The engine reports: ${end}.`,
    remedy:
      diagnosis?.remedy ?? (log === undefined ? "check the command and the entry point of the container" : LOG_REMEDY),
    cause,
  });
}

async function describeEnd(host: ContainerHost, id: string): Promise<string> {
  try {
    const found = await host.find(id, { timeoutMs: LOOK_TIMEOUT_MS });
    if (found === undefined) return "it is gone";
    if (found.isOutOfMemory) return "it was killed because it ran out of memory";
    return found.isRunning ? "it runs" : `it has exited with code ${found.exitCode}`;
  } catch (error) {
    return engineWords(error);
  }
}

async function readLog(host: ContainerHost, id: string, tail?: number): Promise<string | undefined> {
  try {
    return (await host.log(id, tail, { timeoutMs: LOOK_TIMEOUT_MS })).trim() || undefined;
  } catch (error) {
    debug("the log of %s cannot be read: %s", id, engineWords(error));
    return undefined;
  }
}

/** Converts the failure of a start to one of our errors. */
export async function typedStartError(
  error: unknown,
  engine: ContainerEngine | undefined,
  image: string,
): Promise<IrisPortsError> {
  if (error instanceof IrisPortsError) return error;
  return (
    (engine && (await absenceOf(engine.endpoint, () => engine.listContainers(), error))) ??
    new ContainerStartError({
      what: `A container of the image ${image} could not be started.`,
      state: `The reason: ${engineWords(error)}`,
      remedy: "resolve that, then start the container again",
      cause: error,
    })
  );
}

/** The engine's error, if the failure of a wait for a container is that the engine does not answer any more. */
export function engineLoss(host: ContainerHost, id: string, error: unknown): Promise<IrisPortsError | undefined> {
  return absenceOf(host.endpoint, () => host.find(id, { timeoutMs: LOOK_TIMEOUT_MS }), error);
}

/**
 * The engine's error, if it does not answer any more. A failed connection or a missing file looks the same for the engine, a
 * copied file and the user's own code, so the engine itself is asked.
 */
async function absenceOf(
  endpoint: string,
  ask: () => Promise<unknown>,
  error: unknown,
): Promise<IrisPortsError | undefined> {
  if (statusOf(error) !== undefined || osCode(error) === "") return undefined;
  try {
    await ask();
    return undefined;
  } catch (absence) {
    debug("the start failed without an engine: %o", error);
    return absence instanceof IrisPortsError ? absence : engineError(endpoint, absence);
  }
}

/** An image that the engine does not have, or does not get. */
export type MissingImage = {
  readonly image: string;
  /** The message of the engine. */
  readonly words: string;
  /** True if pulling it was tried. */
  readonly isPulled: boolean;
  readonly advice: Advice;
  readonly cause?: unknown;
};

/** The start fails because the image is missing or cannot be pulled. */
export function missingImage({ image, words, isPulled, advice, cause }: MissingImage): ContainerStartError {
  return new ContainerStartError({
    // An image that is to be pulled in any case may be on the engine.
    what: `The image ${image} ${isPulled ? "could not be pulled" : "is not on the container engine"}.`,
    state: `The reason: ${words}`,
    remedy: isPulled
      ? `check its name and the network, log in if its registry requires it, and try: docker pull ${image}`
      : `${advice.pull}, so that it is pulled, or put the image on the engine beforehand (docker load)`,
    cause,
  });
}
