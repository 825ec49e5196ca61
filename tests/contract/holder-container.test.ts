import { describe, expect, test } from "vitest";
import { jobHolder } from "../../src/registry/holder.ts";
import { containerIdIn } from "../../src/registry/host/own-container.ts";
import { showProc, systemError } from "../helpers/recorded-proc.ts";
import { TestRegistry } from "../helpers/registry.ts";

const ID = "0123456789abcdef".repeat(4);
const MOUNT = "/var/lib/docker/containers";

describe("a process in a container finds the container's id", () => {
  test.each([
    ["docker", `637 600 8:1 ${MOUNT}/${ID}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw`, "0::/"],
    ["podman", `9 8 0:25 /containers/overlay-containers/${ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw`, "0::/"],
    ["docker, by the control group", "", `9:name=systemd:/docker/${ID}\n8:pids:/docker/${ID}`],
    ["systemd's control group", "", `0::/system.slice/docker-${ID}.scope`],
    ["kubernetes", "", `0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope`],
  ])("of %s", (_, mountinfo, cgroup) => {
    expect(containerIdIn(mountinfo, cgroup)).toBe(ID);
  });

  test.each([
    [
      "on the host of containers",
      `50 49 0:30 / ${MOUNT}/${ID}/mounts/shm rw - tmpfs shm rw`,
      "0::/user.slice/user-0.slice",
    ],
    ["without readable files", "", ""],
  ])("and none %s", (_, mountinfo, cgroup) => {
    expect(containerIdIn(mountinfo, cgroup)).toBeUndefined();
  });
});

describe.skipIf(process.platform !== "linux")("a process that assigns a port in a container", () => {
  /** Lets this process run in a container, as far as it can tell, and gives the container that its holder carries. */
  async function containerOfHolder(prepare: (machine: TestRegistry) => void) {
    showProc(
      {
        "/proc/self/mountinfo": systemError("EACCES"),
        "/proc/self/cgroup": `0::/system.slice/docker-${ID}.scope\n`,
      },
      { isOverlay: true },
    );
    const machine = await TestRegistry.create(1);
    prepare(machine);
    await machine.open().assignPort(machine.project("a"));
    const [holder] = (await machine.open().inspect(machine.project("a")))?.holders ?? [];
    return holder?.container;
  }

  test("is recorded with that container's run", async () => {
    const container = await containerOfHolder(({ engine }) => engine.starts.set(ID, "10:00"));
    expect(container).toEqual({ id: ID, engine: "FAKE:ENGINE", startedAt: "10:00" });
  });

  test("is recorded without it if another engine runs it, or the engine does not answer", async () => {
    expect(await containerOfHolder(() => {})).toBeUndefined();
    const silent = await containerOfHolder(({ engine }) => {
      engine.starts.set(ID, "10:00");
      engine.isReachable = false;
    });
    expect(silent).toBeUndefined();
  });
});

describe("a holder in a container that cannot be observed", () => {
  /** A job in the container `job`, which runs, and its assignment. */
  async function jobInContainer(engine = "FAKE:ENGINE") {
    const machine = await TestRegistry.create(1);
    const { id } = machine.engine.run({ name: "job" });
    machine.engine.starts.set(id, "10:00");
    const holder = { ...jobHolder({ id: "job" }), container: { id, engine, startedAt: "10:00" } };
    await machine.open().assignPort(machine.project("a"), { holder });
    return { machine, id };
  }
  const status = async (machine: TestRegistry) => (await machine.open().listAll())[0]?.status;

  test("holds while the container runs on", async () => {
    const { machine } = await jobInContainer();
    expect(await status(machine)).toBe("active");
    expect(await machine.open().cleanupStale()).toEqual([]);
  });

  test("is gone with the container, and its port is given to the next", async () => {
    const { machine } = await jobInContainer();
    machine.engine.remove("job");
    expect(await status(machine)).toBe("stale");
    expect((await machine.open().assignPort(machine.project("b"))).port).toBe(machine.range[0]);
  });

  test("is gone when the container was restarted, or has ended", async () => {
    const { machine, id } = await jobInContainer();
    machine.engine.starts.set(id, "10:05");
    expect(await status(machine)).toBe("stale");
    machine.engine.starts.set(id, "10:00");
    machine.engine.containers = machine.engine.containers.map((one) => ({ ...one, state: "exited" }));
    expect(await status(machine)).toBe("stale");
  });

  test("is not called gone while the container is being stopped, as podman puts it", async () => {
    const { machine } = await jobInContainer();
    machine.engine.containers = machine.engine.containers.map((one) => ({ ...one, state: "stopping" }));
    expect(await status(machine)).toBe("active");
  });

  test("does not count as gone if the engine cannot tell when the container was started", async () => {
    const { machine } = await jobInContainer();
    machine.engine.startedAt = () => Promise.reject(new Error("bad gateway"));
    expect(await status(machine)).toBe("active");
  });

  test("cannot be judged by another engine, or while the engine does not answer", async () => {
    const { machine } = await jobInContainer("ANOTHER:ENGINE");
    machine.engine.remove("job");
    expect(await status(machine)).toBe("active");
    const own = await jobInContainer();
    own.machine.engine.remove("job");
    own.machine.engine.isReachable = false;
    expect(await status(own.machine)).toBe("active");
  });
});
