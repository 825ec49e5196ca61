import { ContainerEngineError } from "../src/errors/errors.ts";
import type { DockerCli } from "./docker-cli.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
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
    if (pull === "never") {
      throw imageError(image, {
        state: "The engine does not have it, and `pull` is `never`.",
        remedy: "load the image on the runner before the job, or use `pull: missing`.",
      });
    }
  }
  const pulled = await inGroup(`docker pull ${image}`, (print) =>
    abortable(cli.run(["pull", image], { onLine: print }), signal),
  );
  if (pulled.exitCode !== 0) {
    throw imageError(image, {
      state: pulled.stderr.trim(),
      remedy: "check the name of the image; a private registry needs docker/login-action in an earlier step.",
    });
  }
}

function imageError(
  image: string,
  { state, remedy }: { readonly state: string; readonly remedy: string },
): ContainerEngineError {
  return new ContainerEngineError({
    what: `The image ${image} is not there and cannot be pulled.`,
    state,
    remedy,
  });
}
