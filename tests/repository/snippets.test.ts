import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../scripts/run-command.ts";
import tsconfig from "../../tsconfig.json" with { type: "json" };
import { MarkdownPage } from "../helpers/markdown.ts";
import { publicApi } from "../helpers/public-api.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSC = join(ROOT, "node_modules", "typescript", "bin", "tsc");

/** What the snippets use and this repository does not install. */
const STUBS = `
declare module "@intersystems/intersystems-iris-native" {
  type Iris = { classMethodValue(className: string, method: string, ...args: unknown[]): unknown };
  type Connection = { createIris(): Iris; close(): void };
  export function createConnection(options: {
    host: string; port: number; ns: string; user: string; pwd: string; sharedmemory: boolean;
  }): Connection;
}
`;

const OPTIONS = {
  // The same as in tsconfig.json, seen from two folders below.
  paths: Object.fromEntries(
    Object.entries(tsconfig.compilerOptions.paths).map(([name, paths]) => [name, paths.map((path) => `../../${path}`)]),
  ),
  moduleDetection: "force",
  noUnusedLocals: false,
  noUnusedParameters: false,
};

test("every TypeScript snippet of the documentation and of TSDoc type-checks", async () => {
  const pages = MarkdownPage.all().flatMap((page) =>
    page.code("ts").map(({ line, code }) => ({ name: `${page.path.replaceAll(/\W+/g, "-")}-line-${line}.ts`, code })),
  );
  const examples = publicApi().flatMap(({ name, examples }) =>
    examples.map((code, index) => ({ name: `${name}-example-${index}.ts`, code })),
  );
  expect(pages.length).toBeGreaterThan(3);
  expect(examples.length).toBeGreaterThanOrEqual(10);
  // Inside the repository, so that vitest and testcontainers are found as from a project that has them installed.
  const directory = join(ROOT, "build", `snippets-${process.pid}`);
  onTestFinished(() => fs.rmSync(directory, { recursive: true, force: true }));
  fs.mkdirSync(directory, { recursive: true });
  for (const { name, code } of [...pages, ...examples]) fs.writeFileSync(join(directory, name), code);
  fs.writeFileSync(join(directory, "stubs.d.ts"), STUBS);
  const config = { extends: "../../tsconfig.json", compilerOptions: OPTIONS, include: ["*.ts"] };
  fs.writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const { stdout, stderr } = await runCommand(process.execPath, [TSC, "--project", directory]);
  expect(stdout + stderr).toBe("");
}, 60_000);
