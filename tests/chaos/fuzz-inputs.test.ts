import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { readInputs } from "../../action/inputs/inputs.ts";
import { readClaim, readOutcome } from "../../action/job/state.ts";
import { resolveEngineAddress } from "../../src/docker/engine-address.ts";
import { IrisPortsError } from "../../src/errors/base.ts";
import { identifyProject } from "../../src/registry/project.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { FuzzReport } from "../fixtures/fuzz-cli.ts";
import { ACTION } from "../helpers/action-bundle.ts";
import { CliSandbox } from "../helpers/cli.ts";
import { defaultInputs, FakeHost, inputVariables } from "../helpers/fake-runner.ts";
import { Program } from "../helpers/processes.ts";
import { repetitions, report, SEED } from "./figures.ts";
import { memoryDirectory } from "./memory-directory.ts";
import { expectCleanPrototypes } from "./prototypes.ts";

console.log(`fuzz of inputs: CHAOS_SEED=${SEED}`);

const STACK = /\n\s+at .+:\d+:\d+/;
const nasty = fc
  .oneof(
    fc.constantFrom(
      "__proto__",
      "constructor",
      "",
      " ",
      "-",
      "~",
      "/",
      "..",
      "1972-1981",
      "1981-1972",
      "65536",
      "1e3",
      "💥",
    ),
    fc.constantFrom(
      "true",
      "TRUE",
      "90s",
      "5m",
      "1972",
      "A=1\nB=2",
      "__proto__=1",
      "a\nb",
      "\u001b[31m",
      "::set-output name=x::y",
    ),
    fc.constantFrom(
      "unix://",
      "unix:///x%zz",
      "tcp://[::1",
      "tcp://h:99999",
      "http://",
      "ssh://a@b",
      "npipe://",
      "tcp://u:p@h",
    ),
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.string({ minLength: 3_000, maxLength: 4_000 }),
  )
  // The system cannot hand over a name or value with one.
  .map((text) => text.replaceAll("\0", ""));

let saved: NodeJS.ProcessEnv;
beforeEach(() => {
  saved = { ...process.env };
});
afterEach(() => {
  process.env = saved;
});

/** Works, or throws one of our errors. */
function worksOrIsRefused(work: () => unknown): "worked" | "refused" {
  try {
    work();
    return "worked";
  } catch (error) {
    if (!(error instanceof IrisPortsError)) throw error;
    expect(error.message).not.toMatch(STACK);
    expect(error.message.length).toBeLessThan(8_000);
    return "refused";
  } finally {
    expectCleanPrototypes();
  }
}

describe("E4: any environment", () => {
  const NAMES = [
    "IRIS_PORT_REGISTRY",
    "IRIS_PORT_RANGE",
    "IRIS_PORTS_PROJECT",
    "IRIS_PORTS_INSTANCE",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "TESTCONTAINERS_HOST_OVERRIDE",
    "TESTCONTAINERS_REUSE_ENABLE",
    "XDG_RUNTIME_DIR",
    "HOME",
  ];

  test("gives a registry, a project and an engine's address, or one of our errors", { timeout: 600_000 }, () => {
    const numRuns = repetitions(5_000, 100_000);
    const counts = { worked: 0, refused: 0 };
    const environment = fc.dictionary(fc.constantFrom(...NAMES), nasty, { maxKeys: 6 });
    fc.assert(
      fc.property(environment, (variables) => {
        for (const name of NAMES) delete process.env[name];
        Object.assign(process.env, variables);
        for (const work of [
          () => new PortRegistry().registryPath,
          () => identifyProject(),
          () => resolveEngineAddress(),
        ])
          counts[worksOrIsRefused(work)]++;
      }),
      { seed: SEED, numRuns },
    );
    report("fuzz: environments", { operations: numRuns, ...counts, violations: 0 });
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(numRuns / 10);
  });
});

describe("E4: any input of the action", () => {
  const inputs = fc.dictionary(fc.constantFrom(...Object.keys(ACTION.inputs)), nasty, { maxKeys: 5 });

  test("is read, or refused with one of our errors", { timeout: 600_000 }, () => {
    const numRuns = repetitions(6_000, 100_000);
    const counts = { worked: 0, refused: 0 };
    fc.assert(
      fc.property(inputs, (given) => {
        const variables = inputVariables({ ...defaultInputs(), ...given });
        Object.assign(process.env, variables);
        counts[worksOrIsRefused(readInputs)]++;
      }),
      { seed: SEED, numRuns },
    );
    report("fuzz: inputs of the action", { operations: numRuns, ...counts, violations: 0 });
    // About one in seventeen works. Much fewer would say that the inputs were all of a kind.
    expect(Math.min(counts.worked, counts.refused)).toBeGreaterThan(numRuns / 50);
  });

  test("and any state that main left is read as one, or as none", { timeout: 600_000 }, () => {
    const numRuns = repetitions(4_000, 50_000);
    fc.assert(
      fc.property(fc.oneof(nasty, fc.json()), (text) => {
        process.env["STATE_claim"] = text;
        process.env["STATE_outcome"] = text;
        for (const read of [readClaim, readOutcome]) expect(worksOrIsRefused(read)).toBe("worked");
      }),
      { seed: SEED, numRuns },
    );
    report("fuzz: states of the action", { operations: numRuns, violations: 0 });
  });

  test("makes the bundle work, or fail with an annotation", { timeout: 600_000 }, async () => {
    const host = await FakeHost.create(10);
    const harmless = inputs.map(({ image: _, ...given }) => ({
      ...given,
      "registry-path": host.registryPath,
      "wait-timeout": "0",
    }));
    const samples = fc.sample(harmless, { seed: SEED, numRuns: repetitions(10, 200) });
    const job = host.job();
    for (const given of samples) {
      const { code, signal, stdout, stderr, state } = await job.main({ inputs: given });
      const about = JSON.stringify({ given, stdout, stderr });
      expect([0, 1], about).toContain(code);
      expect(signal).toBeNull();
      expect(`\n${stdout}\n${stderr}`, about).not.toMatch(STACK);
      expect(stdout, about).not.toMatch(/UNEXPECTED/);
      if (code === 1) expect(stdout, about).toMatch(/^::error title=iris-ports%3A [A-Z_]+::/m);
      expect((await job.post(state)).code).toBe(0);
    }
    report("fuzz: the bundle", { operations: 2 * samples.length, violations: 0 });
  });
});

describe("E4: any argument vector", () => {
  test("makes the command line work, or fail with one of our errors", { timeout: 600_000 }, async () => {
    const order = { directory: memoryDirectory(), seed: SEED, runs: repetitions(2_000, 40_000) };
    const [line = ""] = (await Program.node("fuzz-cli.ts", [JSON.stringify(order)]).output()).slice(-1);
    const { operations, exitCodes, violations } = JSON.parse(line) as FuzzReport;
    report("fuzz: argument vectors", { operations, violations: violations.length });
    console.log(`fuzz: exit codes ${JSON.stringify(exitCodes)}`);
    expect(violations).toEqual([]);
  });

  test("makes the real command work, or fail with one of our errors", { timeout: 600_000 }, async () => {
    const sandbox = await CliSandbox.create();
    onTestFinished(() => sandbox[Symbol.dispose]());
    const word = fc.oneof(nasty, fc.constantFrom("--json", "--port", "--instance", "--range", "--yes", "shop"));
    const command = fc.constantFrom("list", "inspect", "assign", "release", "clean", "clear", "doctor");
    const vectors = fc.tuple(
      command,
      fc.array(
        word.filter((text) => !text.startsWith("--registry")),
        { maxLength: 4 },
      ),
    );
    const samples = fc.sample(vectors, { seed: SEED, numRuns: repetitions(16, 300) });
    for (const [name, words] of samples) {
      const { exitCode, stdout, stderr } = await sandbox.run([name, ...words], { DOCKER_HOST: "unix:///nowhere.sock" });
      const about = JSON.stringify({ name, words, exitCode, stdout, stderr });
      expect(exitCode, about).not.toBeNull();
      expect(exitCode, about).not.toBe(1);
      expect(stdout + stderr, about).not.toMatch(STACK);
    }
    report("fuzz: the command", { operations: samples.length, violations: 0 });
  });
});
