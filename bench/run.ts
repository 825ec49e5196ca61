// npm run bench [-- seconds]: every figure of docs/speed.md, measured side by side in one run.
import fs from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { ensureEngine } from "../scripts/ensure-engine.ts";
import { goWithoutRyukWhereItIsMissing } from "../scripts/ryuk-image.ts";
import { measureAction } from "./action.ts";
import { measureContainers } from "./containers.ts";
import { measureFloor } from "./floor.ts";
import type { Measurement } from "./measure.ts";
import { measureAlone, measureContended, measureEntries } from "./registry.ts";
import { measureStores } from "./stores.ts";

const seconds = Number(process.argv[2] ?? 10);
await ensureEngine();
await goWithoutRyukWhereItIsMissing();

const sections: readonly (readonly [title: string, measure: () => Measurement[] | Promise<Measurement[]>])[] = [
  ["System calls (the floor)", measureFloor],
  ["One process", measureAlone],
  ["Number of assignments", measureEntries],
  [`Eight processes for ${seconds} s`, () => measureContended(seconds)],
  ["File and Redis", () => measureStores(seconds)],
  ["Container start", measureContainers],
  ["The action", measureAction],
];

const results: { readonly title: string; readonly rows: readonly Measurement[] }[] = [];
for (const [title, measure] of sections) {
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
