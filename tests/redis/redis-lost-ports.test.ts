import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { manualHolder, uniqueProcessHolder } from "../../src/registry/holder.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { PoolOfEachTest } from "../helpers/pool-of-each-test.ts";
import { webPortRange } from "../helpers/web-ports.ts";

const LEASE_MS = 2_000;
const WAIT = { waitTimeoutMs: 20_000 };

const pool = new PoolOfEachTest(LEASE_MS);

/** This process's registry, and one as on another host, which cannot see whether this process lives. */
function openHere(portRange: readonly [number, number]) {
  const options = { engine: new FakeEngine(), portRange };
  const open = (more = {}) => new PortRegistry({ ...options, store: pool.store(), ...more });
  return { mine: open(), elsewhere: open({ liveness: async () => "unknown" as const }) };
}

/** Renews what this process holds. */
function wake(): void {
  vi.advanceTimersByTime(LEASE_MS);
}

/** What this process is warned of when it wakes. */
async function lostPort(): Promise<string> {
  const lost = Promise.withResolvers<string>();
  const listener = (warning: NodeJS.ErrnoException) => {
    if (warning.code === "PORT_LOST") lost.resolve(warning.message);
  };
  process.on("warning", listener);
  onTestFinished(() => void process.off("warning", listener));
  wake();
  return lost.promise;
}

function redis(command: string, ...words: readonly string[]): string {
  const args = ["-p", String(pool.server.port), command, `iris-ports:{${pool.name}}:document`, ...words];
  return execFileSync("redis-cli", args, { encoding: "utf8" });
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into it by name.
function json(): any {
  return JSON.parse(redis("HGET", "json"));
}

/** Puts the document there as another program would. */
function write(document: unknown): void {
  redis("HSET", "json", JSON.stringify(document), "commit", randomBytes(8).toString("hex"));
}

/** As a server that has lost data records it. */
function inGrace(record: object): object {
  return { ...record, grace_until: new Date(Date.now() + 60_000).toISOString().replace("Z", "+00:00") };
}

describe("a port that was not renewed in time", () => {
  test("is reported when another project has it by now, and is not taken back", async () => {
    const [port] = await freePorts(1);
    const { mine, elsewhere } = openHere([port, port]);
    await mine.assignPort("/p/suspended", WAIT);
    expect((await elsewhere.assignPort("/p/next", { ...WAIT, holder: manualHolder() })).port).toBe(port);
    expect(await lostPort()).toMatch(
      new RegExp(`^Port ${port} of /p/suspended was given to another project.*name=${pool.name}`),
    );
    expect((await elsewhere.listAll()).map(({ projectPath }) => projectPath)).toEqual(["/p/next"]);
  });

  test("is reported when its project has another port by now", async () => {
    const range = await freePorts(2);
    const { mine, elsewhere } = openHere(range);
    await mine.assignPort("/p/suspended", WAIT);
    const document = json();
    document.assignments[0].port = range[1];
    document.iris_ports.details["/p/suspended"].port = range[1];
    write(document);
    expect(await lostPort()).toContain(`Port ${range[0]} of /p/suspended`);
    expect((await elsewhere.getAssignment("/p/suspended"))?.port).toBe(range[1]);
  });

  test("is reported when another project has its web port by now", async () => {
    const [first, last] = await webPortRange(2);
    const { mine } = openHere([first, last]);
    await mine.assignPort("/p/suspended", { ...WAIT, hasWebPort: true });
    const document = json();
    document.assignments[0].project_path = "/p/next";
    document.assignments[0].port = last;
    const { "/p/suspended": detail } = document.iris_ports.details;
    document.iris_ports.details = { "/p/next": { ...detail, port: last } };
    document.iris_ports.holders = {};
    document.iris_ports.server = inGrace(document.iris_ports.server);
    write(document);
    expect(await lostPort()).toContain(`Port ${first} of /p/suspended`);
  });
});

describe("a port that was not renewed in time, and that no project has taken,", () => {
  test("is taken back as it was: with its instance, its web port and its generation", async () => {
    const { mine, elsewhere } = openHere(await webPortRange(2));
    const holder = await uniqueProcessHolder();
    const before = await mine.acquire("/p/a", { ...WAIT, holder, instance: "two", hasWebPort: true });
    const { assignments: _, iris_ports: own, ...rest } = json();
    const history = [
      { project: "/p/another", port: 1972, released_at: new Date().toISOString().replace("Z", "+00:00") },
    ];
    write({ ...rest, assignments: [], iris_ports: { server: inGrace(own.server), history } });
    wake();
    await expect.poll(() => elsewhere.getAssignment("/p/a", { instance: "two" })).toEqual(before.assignment);
    const [listed] = await elsewhere.listHeld(holder.id);
    expect(listed).toEqual(before.assignment);
    expect(json().iris_ports.details["/p/a#two"].generation).toBe(before.generation);
  });

  test("is held again, beside holders that joined meanwhile, or alone if no holder is known any more", async () => {
    const { mine, elsewhere } = openHere(await freePorts(1));
    const holder = await uniqueProcessHolder();
    await mine.assignPort("/p/a", { ...WAIT, holder });
    const holders = async () => (await elsewhere.inspect("/p/a"))?.holders.map(({ id }) => id);
    const { iris_ports: own, ...rest } = json();
    write({ ...rest, iris_ports: { ...own, holders: {} } });
    expect(await holders()).toEqual([]);
    wake();
    await expect.poll(holders).toEqual([holder.id]);
    const expiresAt = (await elsewhere.inspect("/p/a"))?.holders[0]?.expiresAt?.getTime() ?? 0;
    // Not expect.poll(), which lets the renewals of this test run.
    await delay(expiresAt + LEASE_MS / 4 - Date.now());
    await elsewhere.assignPort("/p/a", { holder: manualHolder() });
    expect(await holders()).toEqual(["manual"]);
    wake();
    await expect.poll(holders).toEqual(["manual", holder.id]);
  });
});
