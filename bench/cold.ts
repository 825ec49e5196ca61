import { spawn } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Measurement, makeDirectory, medianMsAsync, quantile, scratchDirectory } from "./measure.ts";

const LIBRARY = fileURLToPath(new URL("../dist/lib/", import.meta.url));
const AT_ONCE = 100;
const ROUNDS = 3;
const RUNS = 15;

/** The command line from start to exit; expects dist/lib to be built. */
export async function measureCold(): Promise<Measurement[]> {
  using scratch = scratchDirectory();
  const script = (name: string, text: string) => {
    fs.writeFileSync(join(scratch.path, name), text);
    return join(scratch.path, name);
  };
  const empty = script("empty.mjs", "");
  const cli = join(LIBRARY, "cli", "bin.js");
  const project = (index: number) => makeDirectory(join(scratch.path, `project-${index}`));
  // The baseline: with one assignment, a listing loads the same modules and also asks the engine.
  const seeded = join(scratch.path, "seeded", "registry.json");
  await run([cli, "assign", project(0), "--registry", seeded, "--range", "21000-21199"]);
  const floors: number[] = [];
  const bursts: number[] = [];
  let failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const registry = join(scratch.path, `${round}`, "registry.json");
    const all = (args: (index: number) => readonly string[]) =>
      Promise.all(Array.from({ length: AT_ONCE }, (_, index) => run(args(index))));
    floors.push(await timeMs(() => all(() => [cli, "list", "--registry", seeded])));
    const assign = (index: number) => [cli, "assign", project(index), "--registry", registry, "--range", "21000-21199"];
    bursts.push(
      await timeMs(async () => {
        failures += (await all(assign)).filter((code) => code !== 0).length;
      }),
    );
  }
  const [floor, burst] = [quantile(floors, 0.5), quantile(bursts, 0.5)];
  const emptyMs = await medianMsAsync(RUNS, () => run([empty]));
  const help = await medianMsAsync(RUNS, () => run([cli, "--help"]));
  const registry = ["--registry", join(scratch.path, "0", "registry.json")];
  const port = await medianMsAsync(RUNS, () => run([cli, "port", project(0), ...registry]));
  const list = await medianMsAsync(RUNS, () => run([cli, "list", ...registry]));
  return [
    { name: `${AT_ONCE} cold \`iris-ports list\` at once, which assign nothing`, value: floor, unit: "ms" },
    {
      name: `${AT_ONCE} cold \`iris-ports assign\` at once`,
      value: burst,
      unit: "ms",
      ratio: { to: "those", factor: burst / floor },
      reach: "<= 1.3x",
    },
    { name: `${AT_ONCE} cold \`iris-ports assign\` at once: failures`, value: failures, unit: "count", reach: "0" },
    { name: "an empty Node process", value: emptyMs, unit: "ms" },
    { name: "`iris-ports --help`, start to exit", value: help, unit: "ms", reach: "<= 150 ms" },
    { name: "`iris-ports port` above an empty Node process", value: port - emptyMs, unit: "ms", reach: "<= 40 ms" },
    { name: "`iris-ports list` above it, with the engine asked", value: list - emptyMs, unit: "ms" },
  ];
}

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function run(args: readonly string[]): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    child.on("error", reject);
    child.on("close", resolve);
  });
}
