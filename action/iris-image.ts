import { ContainerEngineError } from "../src/errors/errors.ts";
import type { DockerCli } from "./docker-cli.ts";
import type { IrisInputs } from "./inputs/inputs.ts";
import { abortable } from "./job/interruption.ts";
import { inGroup } from "./output/log.ts";

const INSPECT_TIMEOUT_MS = 30_000;

/**
 * Makes sure that the engine has the image, before any port is taken for it.
 * @throws ContainerEngineError when it cannot be had
 */
export async function ensureImage(cli: DockerCli, { image, pull }: IrisInputs, signal: AbortSignal): Promise<void> {
  if (pull !== "always") {
    const inspect = ["image", "inspect", "--format", "{{.Id}}", image];
    const inspected = await cli.ask(inspect, INSPECT_TIMEOUT_MS, { signal });
    if (inspected.exitCode === 0) return;
    if (!/no such image/i.test(inspected.stderr)) throw cli.refusal(inspected);
    if (pull === "never") throw imageError(image, "The engine does not have it, and `pull` is `never`.");
  }
  const pulled = await inGroup(`docker pull ${image}`, (print) =>
    abortable(cli.run(["pull", image], { onLine: print }), signal),
  );
  if (pulled.exitCode !== 0) throw imageError(image, pulled.stderr.trim());
}

function imageError(image: string, state: string): ContainerEngineError {
  return new ContainerEngineError({
    what: `The image ${image} is not there and cannot be pulled.`,
    state,
    remedy: `try \`docker pull ${image}\` on the runner; a private registry needs docker/login-action in a step before.`,
  });
}
