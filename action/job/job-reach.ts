import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { DEFAULT_IRIS_PASSWORD } from "../../src/iris/image.ts";
import { isOpenToAll, type Reach, reachOf } from "../../src/lifecycle/reach.ts";
import { environment } from "../../src/settings/config.ts";
import type { IrisInputs } from "../inputs/iris-inputs.ts";
import { say, warn } from "../output/log.ts";

const INSPECT_TIMEOUT_MS = 2_000;

/** How the steps of this job reach the ports that the engine publishes. */
export async function jobReach(engine: DockerCommandEngine, isInContainer: boolean): Promise<Reach> {
  const knownHost = environment().testcontainersHostOverride;
  const isAsked = isInContainer && knownHost === undefined;
  const networks = isAsked ? await networksOfThisContainer(engine) : [];
  const { isLocal, endpoint } = engine;
  return reachOf({ isLocal, endpoint, knownHost, isInContainer, networks });
}

/** Warns if other machines of the network could log in to IRIS. */
export function checkExposure(reach: Reach, { password }: IrisInputs): void {
  if (!isOpenToAll(reach) || (password !== undefined && password !== DEFAULT_IRIS_PASSWORD)) return;
  warn(
    "IRIS listens on every address of the engine's host with its well-known default password.\n" +
      "To fix: set the input `password`, from a secret.",
  );
}

/** The networks of the job container, as the engine knows them; none if it does not know the container. */
async function networksOfThisContainer(engine: DockerCommandEngine) {
  try {
    return (await engine.host.find(ownContainer(), { timeoutMs: INSPECT_TIMEOUT_MS }))?.networks ?? [];
  } catch (error) {
    // Without an answer the port is bound to all addresses, which is warned of where it matters.
    say(`The engine does not tell the networks of this job's container: ${String(error)}`);
    return [];
  }
}

/** The id of the container that this process runs in: the engine mounts files into it from a directory of that name. */
function ownContainer(): string {
  const mounts = existsSync("/proc/self/mountinfo") ? readFileSync("/proc/self/mountinfo", "latin1") : "";
  return /\/containers\/([0-9a-f]{64})\//.exec(mounts)?.[1] ?? hostname();
}
