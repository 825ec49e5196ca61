import { hostname } from "node:os";
import type { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { DEFAULT_IRIS_PASSWORD } from "../../src/iris/image.ts";
import { isOpenToAll, type Reach, reachOf } from "../../src/lifecycle/reach.ts";
import { ownContainerId } from "../../src/registry/host/own-container.ts";
import { environment } from "../../src/settings/config.ts";
import type { IrisInputs } from "../inputs/iris-inputs.ts";
import { messageOf, say, warn } from "../output/log.ts";

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
      "To fix: set the input `password`, from a secret",
  );
}

/** The networks of the job container, as the engine knows them; none if it does not know the container. */
async function networksOfThisContainer(engine: DockerCommandEngine) {
  try {
    const self = ownContainerId() ?? hostname();
    return (await engine.host.find(self, { timeoutMs: INSPECT_TIMEOUT_MS }))?.networks ?? [];
  } catch (error) {
    // Without an answer the port is bound to all addresses; checkExposure() warns of it.
    const [reason] = messageOf(error).split("\n");
    say(`The engine did not report the networks of this job's container: ${reason}`);
    return [];
  }
}
