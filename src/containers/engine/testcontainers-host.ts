import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { type ContainerRuntimeClient, ImageName } from "testcontainers";
import type { CallLimits, ContainerHost, ExecOptions, ExecResult, LogOptions } from "../../docker/container-host.ts";
import { engineTimeoutError } from "../../docker/engine-error.ts";
import { isInTheWay, isMissing } from "../../docker/engine-error-kinds.ts";
import {
  type ImageDetails,
  type InspectedContainer,
  toImageDetails,
  toInspectedContainer,
} from "../../docker/inspected-container.ts";
import { withinTime } from "./time-limit.ts";

const ASK_TIMEOUT_MS = 30_000;
const REMOVAL_POLL_MS = 20;
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

  remove(id: string, limits?: CallLimits): Promise<void> {
    return this.#ask(limits, async () => {
      try {
        await this.#handle(id).remove({ force: true, v: true });
      } catch (error) {
        if (isMissing(error)) return;
        if (!isInTheWay(error)) throw error;
        while ((await orMissing(this.#handle(id).inspect())) !== undefined)
          await delay(REMOVAL_POLL_MS, undefined, { signal: limits?.signal });
      }
    });
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
    const stream = await this.client.container.logs(this.#handle(id), { since: (since?.getTime() ?? 0) / 1000 });
    const lines = createInterface({ input: stream });
    // The lines of a destroyed stream would never end.
    const stop = () => {
      lines.close();
      stream.destroy();
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const line of lines) onLine(line);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  exec(id: string, command: readonly string[], { input, ...limits }: ExecOptions = {}): Promise<ExecResult> {
    // The client cannot write to the command's stdin.
    const fed = ["sh", "-c", `printf %s "$${INPUT_VARIABLE}" | "$@"`, "sh", ...command];
    return this.#ask(limits, () =>
      input === undefined
        ? this.client.container.exec(this.#handle(id), [...command], { log: false })
        : this.client.container.exec(this.#handle(id), fed, { log: false, env: { [INPUT_VARIABLE]: input } }),
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
