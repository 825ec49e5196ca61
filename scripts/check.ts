/** Runs every static check and prints one line each; the output of a check is shown only when it fails. */
import { spawn } from "node:child_process";
import { join } from "node:path";

type Check = { readonly name: string; readonly command: readonly string[] };

const bin = (name: string) => join("node_modules", ".bin", name);
const script = (name: string) => ["node", join("scripts", name)];

/** The checks of a group run at the same time; the last group checks the output of the build. */
const GROUPS: readonly (readonly Check[])[] = [
  [
    { name: "types", command: [bin("tsc"), "--noEmit"] },
    { name: "format, lint, import directions", command: [bin("biome"), "check", "--error-on-warnings", "."] },
    { name: "unused files, exports, dependencies", command: [bin("knip")] },
    { name: "tables of action.yml in the documentation", command: [...script("action-docs.ts"), "--check"] },
    { name: "known vulnerabilities, where npm's registry answers", command: script("audit.ts") },
    { name: "build", command: script("build.ts") },
  ],
  [
    { name: "package (publint)", command: [bin("publint"), "--strict"] },
    {
      name: "package types (attw)",
      command: [bin("attw"), "--pack", ".", "--exclude-entrypoints", "vitest", "vitest/setup"],
    },
  ],
];

let hasFailed = false;
for (const group of GROUPS) {
  for (const report of await Promise.all(group.map(run))) if (!report.isOk) hasFailed = true;
}
process.exitCode = hasFailed ? 1 : 0;

async function run({ name, command }: Check): Promise<{ isOk: boolean }> {
  const begin = performance.now();
  const { status, output } = await collect(command);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${`${seconds} s`.padStart(7)}  ${name}`);
  if (status !== 0) console.log(`\n${output.trim()}\n`);
  return { isOk: status === 0 };
}

function collect([file = "", ...args]: readonly string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve, reject) => {
    const isWindows = process.platform === "win32";
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], shell: isWindows });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}
