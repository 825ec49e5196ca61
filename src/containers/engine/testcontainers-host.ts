import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import { type ContainerRuntimeClient, ImageName } from "testcontainers";
import type { CallLimits, ContainerHost, ExecOptions, ExecResult, LogOptions } from "../../docker/container-host.ts";
import { engineError, engineTimeoutError, statusOf } from "../../docker/engine-error.ts";
import { isMissing } from "../../docker/engine-error-kinds.ts";
import {
  type ImageDetails,
  type InspectedContainer,
  toImageDetails,
  toInspectedContainer,
} from "../../docker/inspected-container.ts";
import { removeUntilGone } from "../../docker/remove-until-gone.ts";
import { withinTime } from "./time-limit.ts";
import { wholeCharacters } from "./whole-characters.ts";

const ASK_TIMEOUT_MS = 30_000;
const INPUT_VARIABLE = "IRIS_PORTS_INPUT";

/** The engine that Testcontainers uses, asked through its client. */
export class TestcontainersHost implements ContainerHost {
  readonly client: ContainerRuntimeClient;
  readonly endpoint: string;

  constructor(client: ContainerRuntimeClient, endpoint: string) {
    this.client = client;
    this.endpoint = endpoint;
  }

  find(nameOrId: string, limits?: CallLimits): Promise<InspectedContainer | undefined> {
    return this.#ask(limits, async () => {
      const found = await orMissing(this.#handle(nameOrId).inspect());
      return found && toInspectedContainer(found);
    });
  }

  findImage(image: string, limits?: CallLimits): Promise<ImageDetails | undefined> {
    return this.#ask(limits, async () => {
      const found = await orMissing(this.client.image.inspect(ImageName.fromString(image)));
      return found && toImageDetails(found);
    });
  }

  start(id: string, limits?: CallLimits): Promise<void> {
    return this.#ask(limits, () => this.client.container.start(this.#handle(id)));
  }

  remove(id: string, { timeoutMs = ASK_TIMEOUT_MS, signal }: CallLimits = {}): Promise<void> {
    const remove = () => this.#handle(id).remove({ force: true, v: true });
    const limits = { endpoint: this.endpoint, timeoutMs, signal };
    return this.#ask(limits, () => removeUntilGone(remove, limits));
  }

  labelled(label: string, value: string, limits?: CallLimits): Promise<readonly string[]> {
    return this.#ask(limits, async () => {
      const filters = { label: [`${label}=${value}`] };
      const listed = await this.client.container.dockerode.listContainers({ all: true, filters });
      return listed.map(({ Id }) => Id);
    });
  }

  log(id: string, tail?: number, limits?: CallLimits): Promise<string> {
    return this.#ask(limits, async () => {
      const options = { follow: false, stdout: true, stderr: true, ...(tail === undefined ? {} : { tail }) } as const;
      const raw: unknown = await this.#handle(id).logs(options);
      if (Buffer.isBuffer(raw)) return withoutFrames(raw);
      return typeof raw === "string" ? raw : text(raw as NodeJS.ReadableStream);
    });
  }

  async followLog(id: string, { since, signal, onLine }: LogOptions): Promise<void> {
    const wanted = { follow: true, stdout: true, stderr: true, since: (since?.getTime() ?? 0) / 1000 } as const;
    const log = new PassThrough();
    const lines = createInterface({ input: log });
    try {
      // Testcontainers' own stream of the log does not end if the connection breaks.
      const answer = await this.#handle(id).logs({ ...wanted, abortSignal: signal });
      this.client.container.dockerode.modem.demuxStream(answer, log, log);
      const reading = (async () => {
        for await (const line of lines) onLine(line);
      })();
      await Promise.all([finished(answer).finally(() => log.end()), reading]);
    } catch (error) {
      if (!signal.aborted) throw statusOf(error) === undefined ? engineError(this.endpoint, error) : error;
    } finally {
      lines.close();
    }
  }

  exec(id: string, command: readonly string[], { input, ...limits }: ExecOptions = {}): Promise<ExecResult> {
    // The client cannot write to the command's stdin.
    const fed = ["sh", "-c", `printf %s "$${INPUT_VARIABLE}" | "$@"`, "sh", ...command];
    const client = wholeCharacters(this.client.container);
    return this.#ask(limits, () =>
      input === undefined
        ? client.exec(this.#handle(id), [...command], { log: false })
        : client.exec(this.#handle(id), fed, { log: false, env: { [INPUT_VARIABLE]: input } }),
    );
  }

  #handle(nameOrId: string) {
    return this.client.container.dockerode.getContainer(encodeURIComponent(nameOrId));
  }

  #ask<T>({ timeoutMs = ASK_TIMEOUT_MS, signal }: CallLimits = {}, work: () => Promise<T>): Promise<T> {
    return withinTime({ timeoutMs, signal, late: () => engineTimeoutError(this.endpoint, timeoutMs) }, work);
  }
}

async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
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
