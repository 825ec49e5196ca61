import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ProcessHolder, processText } from "../../src/registry/holder.ts";
import { LABEL_CREATOR_PROCESS, LABEL_LIFETIME, LABEL_PROJECT, LABEL_REGISTRY } from "../../src/registry/labels.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";

const [FIRST, LAST] = [40_000, 40_003];
const PROJECTS = ["/a", "/b", "/c", "/d", "/e", "/f"];
const HOLDERS = [1, 2, 3];

/** What the world is like, and what the registry should make of it. */
class Model {
  entries = new Map<string, { port: number; holders: Set<number> }>();
  /** Former ports, the longest released first; a project stands in it once. */
  history: { project: string; port: number; at: number }[] = [];
  alive = new Set(HOLDERS);
  /** Projects whose container exists in some state, with the port it publishes. */
  containers = new Map<string, number>();
  listeners = new Set<number>();
  isEngineUp = true;
  now = 0;

  hasLife(project: string): boolean {
    const entry = this.entries.get(project);
    if (entry === undefined) return false;
    return [...entry.holders].some((pid) => this.alive.has(pid)) || this.containers.has(project) || !this.isEngineUp;
  }

  remove(project: string): void {
    const entry = this.entries.get(project);
    if (entry === undefined) return;
    this.entries.delete(project);
    this.history = this.history.filter((past) => past.project !== project);
    this.history.push({ project, port: entry.port, at: this.now });
  }

  /** Section 5. */
  clean(): string[] {
    const stale = [...this.entries.keys()].filter((project) => !this.hasLife(project));
    for (const project of stale) this.remove(project);
    return stale;
  }

  isFree(port: number, project: string): boolean {
    if ([...this.entries.values()].some((entry) => entry.port === port)) return false;
    // Containers listen, whether the engine answers or not.
    if (!this.isEngineUp) return !this.listeners.has(port) && ![...this.containers.values()].includes(port);
    const publishers = [...this.containers].filter(([, published]) => published === port);
    if (publishers.some(([owner]) => owner !== project)) return false;
    return publishers.length > 0 || !this.listeners.has(port);
  }

  /** R9: the own container's port, the former one, those nobody had, the longest released. */
  choose(project: string): number | undefined {
    const own = this.isEngineUp ? this.containers.get(project) : undefined;
    const former = this.history.find((past) => past.project === project)?.port;
    const releasedAt = (port: number) =>
      Math.max(-1, ...this.history.filter((past) => past.port === port).map((past) => past.at));
    const all = Array.from({ length: LAST - FIRST + 1 }, (_, index) => FIRST + index);
    const others = all.toSorted((a, b) => releasedAt(a) - releasedAt(b) || a - b);
    const order = [own, former, ...others].filter((port) => port !== undefined && port >= FIRST && port <= LAST);
    return order.find((port) => this.isFree(port as number, project));
  }

  assign(project: string, pid: number): number | undefined {
    if (this.entries.has(project) && !this.hasLife(project)) this.remove(project);
    let entry = this.entries.get(project);
    if (entry === undefined) {
      let port = this.choose(project);
      if (port === undefined) {
        this.clean();
        port = this.choose(project);
      }
      if (port === undefined) return undefined;
      entry = { port, holders: new Set() };
      this.entries.set(project, entry);
      this.history = this.history.filter((past) => past.project !== project);
    }
    entry.holders.add(pid);
    return entry.port;
  }
}

class Real {
  readonly directory = fs.mkdtempSync(join(tmpdir(), "iris-ports-model-"));
  readonly path = join(this.directory, "port-registry.json");
  readonly engine = new FakeEngine();
  readonly model: Model;

  constructor(model: Model) {
    this.model = model;
  }

  /** Every time a new one: nothing may live in a registry object. */
  get registry(): PortRegistry {
    this.engine.isReachable = this.model.isEngineUp;
    return new PortRegistry({
      registryPath: this.path,
      portRange: [FIRST, LAST],
      engine: this.engine,
      isDurable: false,
      clock: () => new Date(1_800_000_000_000 + this.model.now),
      probe: async (port) => !this.model.listeners.has(port) && ![...this.model.containers.values()].includes(port),
      liveness: async ({ pid }) => (this.model.alive.has(pid) ? "alive" : "gone"),
    });
  }

  holder(pid: number): ProcessHolder {
    const process = { host: "h", bootId: "b", pidNamespace: "n", pid, startTime: "1" };
    return { id: `holder ${pid}`, kind: "process", since: new Date(0), process };
  }
}

type Command = fc.AsyncCommand<Model, Real>;

/** A command from what it does; afterwards the document must be what the model says. */
function command(name: string, run: (model: Model, real: Real) => Promise<void> | void): Command {
  return {
    check: () => true,
    toString: () => name,
    run: async (model, real) => {
      model.now += 1_000;
      await run(model, real);
      const listed = await real.registry.listAll();
      expect(new Set(listed.map(({ port }) => port)).size).toBe(listed.length);
      expect(new Map(listed.map(({ projectPath, port, status }) => [projectPath, { port, status }]))).toEqual(
        new Map(
          [...model.entries].map(([project, { port }]) => [
            project,
            { port, status: model.hasLife(project) ? "active" : "stale" },
          ]),
        ),
      );
    },
  };
}

const project = fc.constantFrom(...PROJECTS);
const pid = fc.constantFrom(...HOLDERS);
const port = fc.integer({ min: FIRST, max: LAST + 1 });

const COMMANDS = [
  fc.tuple(project, pid).map(([p, h]) =>
    command(`assign ${p} by ${h}`, async (model, real) => {
      if (!model.alive.has(h)) return;
      const expected = model.assign(p, h);
      const assigned = real.registry.assignPort(p, { holder: real.holder(h) });
      if (expected === undefined) await expect(assigned).rejects.toMatchObject({ code: "PORT_EXHAUSTED" });
      else expect((await assigned).port).toBe(expected);
    }),
  ),
  fc.tuple(project, pid, port).map(([p, h, wanted]) =>
    command(`assign ${p} by ${h} on ${wanted}`, async (model, real) => {
      if (!model.alive.has(h)) return;
      if (model.entries.has(p) && !model.hasLife(p)) model.remove(p);
      const isHeld = model.entries.get(p)?.port === wanted;
      if (!isHeld && !model.entries.has(p) && !model.isFree(wanted, p)) model.clean();
      const isGiven = isHeld || (!model.entries.has(p) && model.isFree(wanted, p));
      const assigned = real.registry.assignPort(p, { holder: real.holder(h), preferredPort: wanted });
      if (!isGiven) return expect(assigned).rejects.toMatchObject({ code: "PORT_CONFLICT" });
      expect((await assigned).port).toBe(wanted);
      if (!isHeld) {
        model.entries.set(p, { port: wanted, holders: new Set() });
        model.history = model.history.filter((past) => past.project !== p);
      }
      model.entries.get(p)?.holders.add(h);
    }),
  ),
  fc.tuple(project, pid).map(([p, h]) =>
    command(`release ${p} by ${h}`, async (model, real) => {
      const entry = model.entries.get(p);
      const released = real.registry.releasePort(p, { holder: real.holder(h) });
      if (entry === undefined) return expect(released).rejects.toMatchObject({ code: "PORT_NOT_ASSIGNED" });
      await released;
      // Holders that died may be dropped at any time; who is dropped does not hold any more.
      if (!model.alive.has(h) && (await real.registry.inspect(p)) !== undefined) return void entry.holders.delete(h);
      if (!entry.holders.delete(h)) return;
      if (![...entry.holders].some((other) => model.alive.has(other))) model.remove(p);
    }),
  ),
  project.map((p) =>
    command(`release ${p}`, async (model, real) => {
      const released = real.registry.releasePort(p);
      if (!model.entries.has(p)) return expect(released).rejects.toMatchObject({ code: "PORT_NOT_ASSIGNED" });
      expect(await released).toMatchObject({ status: "released", port: model.entries.get(p)?.port });
      model.remove(p);
    }),
  ),
  pid.map((h) => command(`crash of ${h}`, (model) => void model.alive.delete(h))),
  pid.map((h) =>
    command(`restart of ${h}`, (model) => {
      // A new process under the old number would be known by its start time; here only one nobody remembers comes back.
      if (![...model.entries.values()].some(({ holders }) => holders.has(h))) model.alive.add(h);
    }),
  ),
  project.map((p) =>
    command(`docker run for ${p}`, (model, real) => {
      const entry = model.entries.get(p);
      if (entry === undefined || model.containers.has(p) || model.listeners.has(entry.port)) return;
      const maker = processText(real.holder(1)) ?? "";
      const labels = {
        [LABEL_PROJECT]: p,
        [LABEL_REGISTRY]: real.path,
        [LABEL_LIFETIME]: "kept",
        [LABEL_CREATOR_PROCESS]: maker,
      };
      real.engine.run({ name: `container of ${p}`, labels, hostPorts: [entry.port] });
      model.containers.set(p, entry.port);
    }),
  ),
  project.map((p) =>
    command(`docker rm for ${p}`, (model, real) => {
      real.engine.remove(`container of ${p}`);
      model.containers.delete(p);
    }),
  ),
  port.map((number) =>
    command(`a stranger comes to or leaves ${number}`, (model) => {
      if ([...model.containers.values()].includes(number)) return;
      if (!model.listeners.delete(number)) model.listeners.add(number);
    }),
  ),
  fc.constant(
    command("cleanup", async (model, real) => {
      const removed = await real.registry.cleanupStale();
      expect(removed.map(({ projectPath }) => projectPath).sort()).toEqual(model.clean().sort());
    }),
  ),
  fc.constant(
    command("reboot", (model) => {
      model.alive.clear();
      model.listeners.clear();
    }),
  ),
  fc.boolean().map((isUp) =>
    command(isUp ? "the engine comes" : "the engine goes", (model) => {
      model.isEngineUp = isUp;
    }),
  ),
];

test("for any sequence of operations, the registry does what the simple model does", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 40, size: "max" }), async (commands) => {
      const model = new Model();
      const real = new Real(model);
      try {
        await fc.asyncModelRun(() => ({ model, real }), commands);
      } finally {
        fs.rmSync(real.directory, { recursive: true, force: true });
      }
    }),
    { numRuns: 150, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  );
});
