import { once } from "node:events";
import { expect, test } from "vitest";
import type { ContainerHost } from "../../src/docker/container-host.ts";
import type { InspectedContainer } from "../../src/docker/inspected-container.ts";
import { LIBRARY_ADVICE } from "../../src/lifecycle/advice.ts";
import { waitForIris } from "../../src/lifecycle/wait-for-iris.ts";

/** A container in which no command runs; `restarts` is how often it was restarted when that is noticed. */
function hostWithoutIris(restarts: number): ContainerHost {
  let run = 0;
  const unused = () => Promise.reject(new Error("not expected"));
  return {
    endpoint: "unix:///fake.sock",
    find: async () => ({ isRunning: true, startedAt: `run ${run}`, imageName: "busybox" }) as InspectedContainer,
    exec: async () => {
      run += restarts;
      return { exitCode: 126, stdout: "cannot exec in a stopped state", stderr: "" };
    },
    log: async () => "",
    followLog: async (_, { signal }) => void (await once(signal, "abort")),
    findImage: unused,
    start: unused,
    remove: unused,
    labelled: unused,
  };
}

test.each([
  ["is an image without IRIS", 0, /There is no IRIS in the image busybox/],
  ["that was restarted meanwhile is waited for", 1, /IRIS was not ready within/],
] as const)("a container in which a command fails %s", async (_, restarts, words) => {
  const options = { setup: {}, timeoutMs: 2_000, advice: LIBRARY_ADVICE };
  await expect(waitForIris(hostWithoutIris(restarts), "id", options)).rejects.toThrow(words);
});
