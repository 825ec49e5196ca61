import type { DockerResult } from "../docker/docker-command.ts";
import type { DockerCommandHost } from "../docker/docker-command-host.ts";
import { engineError } from "../docker/engine-error.ts";
import type { Advice } from "./advice.ts";
import { missingImage } from "./start-failure.ts";

/** How to make sure that the engine has an image. */
export type ImageRequest = {
  readonly image: string;
  readonly pull: "missing" | "always" | "never";
  readonly advice: Advice;
  readonly signal?: AbortSignal | undefined;
  /** Runs `docker pull` and shows what it prints. */
  readonly runPull: (image: string) => Promise<DockerResult>;
};

/**
 * Makes sure that the engine has the image, before any port is taken for it.
 * @throws ContainerStartError when the engine does not have the image and cannot pull it
 * @throws ContainerEngineError when the engine does not answer
 */
export async function ensureImage(
  host: DockerCommandHost,
  { image, pull, advice, signal, runPull }: ImageRequest,
): Promise<void> {
  if (pull !== "always") {
    if (await isThere(host, image, signal)) return;
    if (pull === "never") throw missingImage({ image, words: "pulling is set to `never`", isPulled: false, advice });
  }
  const { exitCode, stderr } = await runPull(image);
  if (exitCode !== 0) throw missingImage({ image, words: stderr.trim(), isPulled: true, advice });
}

async function isThere(host: DockerCommandHost, image: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await host.findImage(image, { signal })) !== undefined;
  } catch (error) {
    signal?.throwIfAborted();
    throw engineError(host.endpoint, error, host.command.address.source);
  }
}
