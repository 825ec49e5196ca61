// npm run bench [-- seconds] [--with-python] [--only words]: the figures of docs/speed.md, measured side by side in one run.
// `--only`: just the sections whose titles contain these words.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureEngine } from "../scripts/ensure-engine.ts";
import { goWithoutRyukWhereItIsMissing } from "../scripts/ryuk-image.ts";
import { measureAction } from "./action.ts";
import { measureBurst, measureWaiter } from "./burst.ts";
import { measureCold } from "./cold.ts";
import { measureContainers } from "./containers.ts";
import { measureFloor } from "./floor.ts";
import { type Measurement, scratchDirectory } from "./measure.ts";
import { installPythonTool } from "./python.ts";
import { measureAlone, measureContended, measureEntries, measureRefused } from "./registry.ts";
import { measureStores } from "./stores.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "with-python": { type: "boolean" }, only: { type: "string" } },
});
const seconds = Number(positionals[0] ?? 10);
using scratch = scratchDirectory();
const python = values["with-python"] ? installPythonTool(scratch.path) : undefined;
execFileSync(process.execPath, [fileURLToPath(new URL("../scripts/build.ts", import.meta.url)), "--if-stale"]);
await ensureEngine();
await goWithoutRyukWhereItIsMissing();

const sections: readonly (readonly [title: string, measure: () => Measurement[] | Promise<Measurement[]>])[] = [
  ["System calls (the floor)", measureFloor],
  ["One process", measureAlone],
  ["Refused", measureRefused],
  ["Number of assignments", measureEntries],
  [`Eight processes for ${seconds} s`, () => measureContended(seconds, python)],
  ["File and Redis", () => measureStores(seconds)],
  ["Many processes at once", () => measureBurst(python)],
  ["Waiting", measureWaiter],
  ["The command line", measureCold],
  ["Container start", measureContainers],
  ["The action", measureAction],
];

const results: { readonly title: string; readonly rows: readonly Measurement[] }[] = [];
for (const [title, measure] of sections) {
  if (values.only !== undefined && !title.includes(values.only)) continue;
  const rows = await measure();
  results.push({ title, rows });
  process.stdout.write(`\n${title}\n${rows.map(line).join("\n")}\n`);
}

const directory = fileURLToPath(new URL("results/", import.meta.url));
fs.mkdirSync(directory, { recursive: true });
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, platform: process.platform };
fs.writeFileSync(`${directory}latest.json`, `${JSON.stringify({ at: new Date(), machine, results }, undefined, 2)}\n`);
process.stdout.write("\nWritten to bench/results/latest.json\n");

function line({ name, value, unit, ratio, reach }: Measurement): string {
  const figure = `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`.padStart(16);
  const factor = ratio ? `${ratio.factor.toFixed(2)}x of ${ratio.to}` : "";
  return `  ${name.padEnd(62)}${figure}  ${factor}${reach ? ` (reach ${reach})` : ""}`.trimEnd();
}
