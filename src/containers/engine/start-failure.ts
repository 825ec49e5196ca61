import { text } from "node:stream/consumers";
import createDebug from "debug";
import type { ContainerEngine } from "../../docker/engine.ts";
import { engineError, statusOf, systemCodeOf } from "../../docker/engine-error.ts";
import { engineWords, isMissing } from "../../docker/engine-error-kinds.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { ContainerStartError } from "../../errors/errors.ts";
import type { EngineContainerHandle } from "./engine-containers.ts";

const debug = createDebug("iris-ports:containers");
const TAIL_LINES = 40;

/** What a failed start says: all but the log, which is added. */
export type StartFailure = {
  readonly what: string;
  readonly state?: string;
  readonly remedy: string;
  readonly cause?: unknown;
};

/** What a log tells of, and what to do about it. */
export type Diagnosis = { readonly what: string; readonly remedy: string };

/** A failed start with the container's last words, which are read before it is removed. */
export async function startError(
  container: EngineContainerHandle,
  failure: StartFailure,
): Promise<ContainerStartError> {
  const logTail = await readLogTail(container, TAIL_LINES);
  const lastWords = logTail ? `The last lines of its log:\n${indent(logTail)}` : "Its log is empty, or gone with it.";
  const state = failure.state === undefined ? lastWords : `${failure.state}\n${lastWords}`;
  return new ContainerStartError({ ...failure, state, logTail });
}

/** Why a container is not running as it should: as its log tells, where `diagnose` understands it. */
export async function endError(
  container: EngineContainerHandle,
  diagnose: (log: string) => Diagnosis | undefined,
  cause?: unknown,
): Promise<ContainerStartError> {
  const [log, end] = await Promise.all([readLogTail(container, undefined), describeEnd(container)]);
  const diagnosis = diagnose(log ?? "");
  return startError(container, {
    what: diagnosis?.what ?? `The container ended before it was ready: ${end}.`,
    ...(diagnosis ? { state: `In the engine's words: ${end}.` } : {}),
    remedy: diagnosis?.remedy ?? "correct what the last lines of its log complain of; `docker run` shows the whole log",
    cause,
  });
}

async function describeEnd(container: EngineContainerHandle): Promise<string> {
  try {
    const { State } = await container.inspect();
    if (State.OOMKilled) return "it was killed because it ran out of memory";
    return State.Running ? "it runs" : `it has exited with code ${State.ExitCode}`;
  } catch (error) {
    return isMissing(error) ? "it is gone" : engineWords(error);
  }
}

/** Whatever a start of Testcontainers failed with, as an error of ours. */
export async function typedStartError(error: unknown, engine: ContainerEngine, image: string): Promise<IrisPortsError> {
  if (error instanceof IrisPortsError) return error;
  return (
    (await absenceOf(engine, error)) ??
    new ContainerStartError({
      what: `A container of the image ${image} could not be started.`,
      state: `The reason: ${engineWords(error)}`,
      remedy: "change what the reason names; DEBUG=testcontainers shows every step of the start",
      cause: error,
    })
  );
}

/**
 * What is wrong with the engine, if it went away. A failed connection or a missing file says so in the same words whether
 * it was the engine's, a copied file or whatever a user's own code connects to: only the engine itself can tell.
 */
async function absenceOf(engine: ContainerEngine, error: unknown): Promise<IrisPortsError | undefined> {
  const isAnswer = statusOf(error) !== undefined;
  if (isAnswer || systemCodeOf(error) === undefined) return undefined;
  try {
    await engine.listContainers();
    return undefined;
  } catch (absence) {
    debug("the start failed without an engine: %o", error);
    return absence instanceof IrisPortsError ? absence : engineError(engine.endpoint, absence);
  }
}

/** What the container has written so far, both streams as they came. */
export async function readLog(container: EngineContainerHandle, tail?: number): Promise<string> {
  const options = { follow: false, stdout: true, stderr: true, ...(tail === undefined ? {} : { tail }) } as const;
  const raw: unknown = await container.logs(options);
  if (Buffer.isBuffer(raw)) return withoutFrames(raw);
  return typeof raw === "string" ? raw : text(raw as NodeJS.ReadableStream);
}

async function readLogTail(container: EngineContainerHandle, lines: number | undefined): Promise<string | undefined> {
  try {
    return (await readLog(container, lines)).trim() || undefined;
  } catch (error) {
    debug("the log of %s cannot be read: %s", container.id, engineWords(error));
    return undefined;
  }
}

/**
 * The engine's frames: a byte for the stream, three of zero, four of length; none if the container has a terminal.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
function withoutFrames(raw: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 8 <= raw.length) {
    const isFrame = (raw[at] as number) <= 2 && raw.readUIntBE(at + 1, 3) === 0;
    if (!isFrame) return raw.toString("utf8");
    const length = raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString("utf8");
}

function indent(lines: string): string {
  return lines.replaceAll(/^/gm, "  ");
}
