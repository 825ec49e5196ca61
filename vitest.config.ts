import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Asked for by name, e.g. for `npm test` on a machine without an engine; nothing else skips these tests. */
const isEngineSkipped = process.env["IRIS_PORTS_SKIP_ENGINE"] === "1";

/** Tests name their own registry; one that forgets to must not reach the user's. */
const env = { IRIS_PORT_REGISTRY: join(tmpdir(), `iris-ports-vitest-${process.pid}`, "port-registry.json") };

const withoutEngine = [
  {
    extends: true as const,
    test: {
      name: "unit",
      include: ["unit", "contract", "neighbour", "repository"].map((folder) => `tests/${folder}/**/*.test.ts`),
      env,
    },
  },
];

const engineSetup = ["tests/helpers/build.setup.ts", "tests/helpers/engine.setup.ts"];
const withEngine = ["integration", "lifecycle", "action", "chaos"].map((name) => ({
  extends: true as const,
  test: {
    name,
    include: [`tests/${name}/**/*.test.ts`],
    globalSetup: ["integration", "lifecycle"].includes(name)
      ? engineSetup
      : [...engineSetup, "tests/helpers/action.setup.ts"],
    env,
  },
}));

/** What must hold wherever the document is kept. */
const CONTRACT = ["assign", "choice", "concurrency", "exhausted", "model", "release", "staleness"].map(
  (name) => `tests/contract/registry-${name}.test.ts`,
);

const withRedis = [
  {
    extends: true as const,
    test: { name: "redis", include: ["tests/redis/**/*.test.ts"], globalSetup: "tests/helpers/peers.setup.ts", env },
  },
  {
    extends: true as const,
    test: { name: "contract-on-redis", include: CONTRACT, globalSetup: "tests/helpers/redis.setup.ts", env },
  },
];

export default defineConfig({
  test: {
    projects: isEngineSkipped ? withoutEngine : [...withoutEngine, ...withRedis, ...withEngine],
    // Generous: the machines are shared, and no test is about time.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // A condition may take long on a busy machine.
    expect: { poll: { timeout: 30_000 } },
    retry: 0,
    // The tests mostly wait for other processes.
    maxWorkers: Math.max(4, availableParallelism()),
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "html", "json-summary"],
      thresholds: {
        "src/registry/**": { lines: 95, branches: 95 },
        "src/stores/**": { lines: 95, branches: 95 },
      },
    },
  },
});
