import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileStore } from "../../src/stores/file-store.ts";
import { Program } from "../helpers/processes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const POINTS = ["read", "prepared", "claimed", "published"] as const;

function storeAt(path: string): FileStore {
  return new FileStore({ path, lockTimeoutMs: 15_000, isDurable: false });
}

async function count(path: string, key: string): Promise<number> {
  return Number((await storeAt(path).read()).unknown.own.get(key) ?? 0);
}

/** A commit by this process. */
async function commitHere(path: string): Promise<void> {
  await storeAt(path).update(async (document) => {
    const own = new Map(document.unknown.own);
    for (const key of ["here", "total"]) own.set(key, Number(own.get(key) ?? 0) + 1);
    return { document: { ...document, unknown: { ...document.unknown, own } }, result: undefined };
  });
}

/** As if the lock had timed out, unnoticed by its owner. */
function takeLockAway(path: string): void {
  fs.rmSync(`${path}.lock`, { recursive: true, force: true });
}

async function lineOf(program: Program, text: string): Promise<string> {
  for (;;) {
    const line = await program.nextLine();
    if (line === undefined) throw new Error(`it ended before "${text}": ${(await program.ended()).stderr}`);
    if (line.startsWith(text)) return line;
  }
}

describe("D3: a commit", () => {
  test.each(POINTS)("of a process that is killed after %s is complete or absent", async (point) => {
    const path = join(temporaryDirectory(), "port-registry.json");
    await commitHere(path);
    const victim = Program.node("committer.ts", [path, "victim", 1, `${point}:SIGKILL:1`, 1]);
    await lineOf(victim, `kill ${point}`);
    await victim.ended();
    takeLockAway(path);
    await commitHere(path);
    const isCommitted = point === "claimed" || point === "published";
    expect(await count(path, "victim")).toBe(isCommitted ? 1 : 0);
    expect(await count(path, "here")).toBe(2);
    expect(await count(path, "total")).toBe(isCommitted ? 3 : 2);
  });

  test.each(POINTS)("of a process that is stopped after %s and wakes up late overwrites nothing", async (point) => {
    const path = join(temporaryDirectory(), "port-registry.json");
    await commitHere(path);
    const sleeper = Program.node("committer.ts", [path, "sleeper", 1, `${point}:SIGSTOP:1`, 1]);
    await lineOf(sleeper, `stop ${point}`);
    await isStopped(sleeper);
    takeLockAway(path);
    await commitHere(path);
    await commitHere(path);
    expect(await count(path, "here")).toBe(3);
    await wake(sleeper);
    expect(sleeper.lines.filter((line) => line.startsWith("claim"))).toHaveLength(1);
    expect([await count(path, "sleeper"), await count(path, "here"), await count(path, "total")]).toEqual([1, 3, 4]);
  });

  test.each(["was deleted", "was replaced by an older backup", "lost its head"])(
    "is made anew if the commit directory %s before it was published",
    async (how) => {
      const path = join(temporaryDirectory(), "port-registry.json");
      const commits = `${path}.commit`;
      await commitHere(path);
      fs.cpSync(commits, `${path}.backup`, { recursive: true });
      await commitHere(path);
      const sleeper = Program.node("committer.ts", [path, "sleeper", 1, "claimed:SIGSTOP:1", 1]);
      await lineOf(sleeper, "stop claimed");
      await isStopped(sleeper);
      takeLockAway(path);
      const heads = fs.readdirSync(commits).filter((name) => name.startsWith("head."));
      if (how === "lost its head") for (const name of heads) fs.rmSync(join(commits, name));
      else fs.rmSync(commits, { recursive: true });
      if (how.includes("backup")) fs.renameSync(`${path}.backup`, commits);
      await commitHere(path);
      await commitHere(path);
      await wake(sleeper);
      expect([await count(path, "sleeper"), await count(path, "here")]).toEqual([1, 4]);
    },
  );

  test("is made anew if the head that it replaces was there only because a backup was copied over the files", async () => {
    const path = join(temporaryDirectory(), "port-registry.json");
    await commitHere(path);
    fs.cpSync(`${path}.commit`, `${path}.backup`, { recursive: true });
    const sleeper = Program.node("committer.ts", [path, "sleeper", 1, "prepared:SIGSTOP:1", 1]);
    await lineOf(sleeper, "stop prepared");
    await isStopped(sleeper);
    takeLockAway(path);
    await commitHere(path);
    await commitHere(path);
    fs.cpSync(`${path}.backup`, `${path}.commit`, { recursive: true });
    await wake(sleeper);
    expect([await count(path, "sleeper"), await count(path, "here")]).toEqual([1, 3]);
  });

  test("of a lock owner that sleeps past the lock's time-out is made anew on the newer commits", async () => {
    const path = join(temporaryDirectory(), "port-registry.json");
    await commitHere(path);
    const sleeper = Program.node("committer.ts", [path, "sleeper", 1, "prepared:SIGSTOP:1", 1]);
    await lineOf(sleeper, "stop prepared");
    await isStopped(sleeper);
    // The lock is not removed here: it is taken over once it is stale.
    await Promise.all([commitHere(path), commitHere(path)]);
    await wake(sleeper);
    expect([await count(path, "sleeper"), await count(path, "here"), await count(path, "total")]).toEqual([1, 3, 4]);
  });
});

/** `STORM_SECONDS=300 npx vitest run tests/contract/store-fence.test.ts` for a long one. */
const STORM_MS = Number(process.env["STORM_SECONDS"] ?? 12) * 1_000;

describe("D3: a storm", () => {
  test("of processes that stop and kill themselves without any mutual exclusion loses nothing", {
    timeout: 60_000 + STORM_MS,
  }, async () => {
    const path = join(temporaryDirectory(), "port-registry.json");
    const saboteur = Program.node("lock-saboteur.ts", [`${path}.lock`]);
    const plan = POINTS.map((point) => `${point}:SIGSTOP:0.006,${point}:SIGKILL:0.004`).join(",");
    const { programs, wrong, reads } = await storm({
      path,
      plan,
      workers: 6,
      durationMs: STORM_MS,
      least: { kill: 6, stop: 1 },
    });
    saboteur.signal("SIGTERM");
    const [removed] = await saboteur.output();
    const tally = await audit(path, programs);
    console.log(`storm: ${describeTally(tally)}, ${reads} reads, ${removed} locks taken away`);
    expect(wrong).toEqual([]);
  });

  test("of waiters whose lock owner is killed round after round loses nothing", {
    timeout: 60_000 + STORM_MS,
  }, async () => {
    const path = join(temporaryDirectory(), "port-registry.json");
    // All wait for the dead holder's lock and find it stale at the same time: two may take it over (its issue 121).
    const { programs, wrong, reads } = await storm({
      path,
      plan: "read:SIGKILL:0.003",
      workers: 8,
      durationMs: (STORM_MS * 3) / 4,
      least: { kill: 2, stop: 0 },
    });
    const tally = await audit(path, programs);
    console.log(`takeover: ${describeTally(tally)}, ${reads} reads`);
    expect(wrong).toEqual([]);
  });
});

type Tally = { claims: number; acks: number; kills: number; stops: number };

function describeTally({ claims, acks, kills, stops }: Tally): string {
  return `${acks} acknowledged commits, ${claims} claims, ${kills} kills, ${stops} stops`;
}

/** Lets committers run, wakes the stopped, replaces the killed, and reads all the while. */
async function storm(options: {
  path: string;
  plan: string;
  workers: number;
  durationMs: number;
  least: { kill: number; stop: number };
}) {
  const { path, plan, workers, durationMs, least } = options;
  const programs: { name: string; program: Program }[] = [];
  const reader = Program.node("reader.ts", [path]);
  await lineOf(reader, "up");
  const deadline = performance.now() + durationMs;
  // On a busy machine it takes longer until enough has happened.
  const isEnough = () => (["kill", "stop"] as const).every((kind) => happened(programs, kind) >= least[kind]);
  const isOver = () => performance.now() > deadline && isEnough();
  const run = async (worker: number) => {
    for (let life = 1; !isOver(); life++) {
      const name = `worker-${worker}-${life}`;
      const program = Program.node("committer.ts", [path, name, 0, plan, worker * 1_000 + life]);
      programs.push({ name, program });
      await follow(program, isOver);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => run(worker)));
  reader.signal("SIGTERM");
  const lines = (await reader.output()).slice(1);
  return {
    programs,
    wrong: lines.filter((line) => line.startsWith("wrong")),
    reads: Number(lines.at(-1)?.split(" ")[1]),
  };
}

function happened(programs: readonly { program: Program }[], incident: "kill" | "stop"): number {
  return programs.flatMap(({ program }) => program.lines).filter((line) => line.startsWith(incident)).length;
}

/** Until it kills itself, or the time is over. A stopped one sleeps for a while that differs. */
async function follow(program: Program, isOver: () => boolean): Promise<void> {
  let naps = 0;
  const timer = setInterval(() => {
    if (isOver()) program.signal("SIGKILL");
    else if (program.lines.at(-1)?.startsWith("stop") && naps++ % 4 === 3) program.signal("SIGCONT");
  }, 20);
  await program.ended();
  clearInterval(timer);
}

/** Compares what the committers said with the document. */
async function audit(path: string, programs: readonly { name: string; program: Program }[]): Promise<Tally> {
  takeLockAway(path);
  await commitHere(path);
  const { own } = (await storeAt(path).read()).unknown;
  const lines = programs.flatMap(({ program }) => program.lines);
  const claims = lines.filter((line) => line.startsWith("claim"));
  expect(new Set(claims.map((line) => line.split(" ")[1])).size, "two commits on one base").toBe(claims.length);
  expect(lines.filter((line) => line.startsWith("lost"))).toEqual([]);
  let acks = 0;
  for (const { name, program } of programs) {
    const acknowledged = program.lines.filter((line) => line.startsWith("ack")).length;
    expect(Number(own.get(name) ?? 0), `commits of ${name}`).toBeGreaterThanOrEqual(acknowledged);
    acks += acknowledged;
  }
  // A committer that was killed right after a claim had no time to report it.
  const kills = lines.filter((line) => line.startsWith("kill")).length;
  expect(Number(own.get("total"))).toBeGreaterThanOrEqual(claims.length);
  expect(Number(own.get("total"))).toBeLessThanOrEqual(claims.length + 1 + programs.length);
  return { claims: claims.length, acks, kills, stops: lines.filter((line) => line.startsWith("stop")).length };
}

/** Wakes a stopped committer until its commit is acknowledged: it may come past the point again, and then stops again. */
async function wake(sleeper: Program): Promise<void> {
  while (sleeper.isRunning && !sleeper.lines.includes("ack 1")) {
    sleeper.signal("SIGCONT");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sleeper.output();
}

/** Waits until the system has really stopped it. */
async function isStopped({ child }: Program): Promise<void> {
  while (!/^State:\s+T/m.test(fs.readFileSync(`/proc/${child.pid}/status`, "latin1")))
    await new Promise((resolve) => setImmediate(resolve));
}
