import { getExecOutput } from "@actions/exec";
import type { DockerCommandHost } from "../src/docker/docker-command-host.ts";
import { untilAborted } from "../src/errors/deadline.ts";
import { ensureImage } from "../src/lifecycle/ensure-image.ts";
import { ACTION_ADVICE } from "./advice.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import { inGroup } from "./output/log.ts";

/** Makes sure that the engine has the image; the output of `docker pull` is in a folded group of the job's log. */
export async function pullImage(host: DockerCommandHost, iris: IrisInputs, signal: AbortSignal): Promise<void> {
  const runPull = (image: string) =>
    inGroup(`docker pull ${image}`, (print) => {
      const listeners = { stdline: print, errline: print };
      const env = { ...host.command.env };
      const options = { silent: true, ignoreReturnCode: true, env, listeners };
      return untilAborted(getExecOutput("docker", ["pull", image], options), signal);
    });
  await ensureImage(host, { image: iris.image, pull: iris.pull, advice: ACTION_ADVICE, signal, runPull });
}
