import { describe, expect, onTestFinished, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { DockerCommandEngine } from "../../src/docker/docker-command-engine.ts";
import { resolveEngineAddress } from "../../src/docker/engine-address.ts";
import { READ_LABELS } from "../../src/registry/container-labels.ts";
import { docker, removeLabelled, uniqueLabel } from "../helpers/engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { hangingEngine } from "../helpers/hanging-engine.ts";

describe("R10: a container that the engine cannot describe", () => {
  test("does not hide the others from a list through the docker command", async () => {
    const label = uniqueLabel();
    onTestFinished(() => removeLabelled(label));
    const ports = await freePorts(2);
    const create = (port: number) => docker("create", "--label", label, "--publish", `127.0.0.1:${port}:1972`, image);
    const image = await ensureStandin();
    const [stuck, other] = [await create(ports[0]), await create(ports[1])];
    const dockerHost = await hangingEngine(new RegExp(`^GET .*/containers/${stuck}/json`));
    const engine = new DockerCommandEngine({ labels: READ_LABELS, address: resolveEngineAddress(dockerHost) });
    const listed = new Map((await engine.listContainers()).map(({ id, hostPorts }) => [id, hostPorts]));
    expect(listed.get(other)).toEqual([ports[1]]);
    expect(listed.has(stuck)).toBe(true);
  });
});
