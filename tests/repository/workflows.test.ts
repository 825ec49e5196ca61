import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ACTION } from "../helpers/action-bundle.ts";
import { MarkdownPage } from "../helpers/markdown.ts";
import { complaintsAbout } from "../helpers/workflow-check.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const WORKFLOWS = globSync(".github/workflows/*.yml", { cwd: ROOT }).sort();

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

type Step = { readonly uses?: string; readonly with?: Readonly<Record<string, unknown>> };
type Workflow = {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[]; readonly "timeout-minutes"?: number }>>;
};

test("GitHub's checker finds mistakes", async () => {
  const workflow = (uses: string) =>
    `on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: ${uses}\n        with: { no-such-input: 1 }\n`;
  expect(await complaintsAbout(".github/workflows/a.yml", workflow("org/iris-ports@v1"))).not.toEqual([]);
  expect(await complaintsAbout(".github/workflows/a.yml", "on: nothing\njobs: {}\n")).not.toEqual([]);
  expect(await complaintsAbout("action.yml", read("action.yml").replace("node24", "node99"))).not.toEqual([]);
});

test("action.yml is valid", async () => {
  expect(await complaintsAbout("action.yml", read("action.yml"))).toEqual([]);
  for (const path of globSync(".github/actions/*/action.yml", { cwd: ROOT }))
    expect(await complaintsAbout(path, read(path).replaceAll("uses: ./", "uses: org/iris-ports@v1"))).toEqual([]);
  for (const { description } of [...Object.values(ACTION.inputs), ...Object.values(ACTION.outputs)]) {
    expect(description.trim()).toMatch(/\.$/);
  }
});

test.each(WORKFLOWS)("%s is valid, pinned by commit, and has no more rights than it needs", async (path) => {
  const text = read(path);
  // Our own action, in this repository, is the one that the documentation names.
  expect(await complaintsAbout(path, text.replaceAll("uses: ./", "uses: org/iris-ports@v1"))).toEqual([]);
  const workflow = parse(text) as Workflow;
  expect([{}, { contents: "read" }]).toContainEqual(workflow.permissions);
  for (const job of Object.values(workflow.jobs)) {
    expect(job["timeout-minutes"]).toBeGreaterThan(0);
    for (const { uses } of job.steps) expect(uses ?? "./").toMatch(/^(\.\/[\w./-]*|[\w-]+\/[\w./-]+@[0-9a-f]{40})$/);
  }
  expect(text.match(/@[0-9a-f]{40}(?! # v\d+\.\d+\.\d+$)/gm)).toBeNull();
  // What comes from outside goes through the environment, not into the shell's text.
  expect(text).not.toMatch(/run: .*\$\{\{/);
});

const SNIPPETS = MarkdownPage.all().flatMap((page) =>
  page
    .code("yaml", "yml")
    // Compose files and the files of other CI systems are YAML as well.
    .filter(({ code }) => /\b(uses|runs-on):/.test(code))
    .map(({ line, code }) => ({ name: `${page.path}:${line}`, code })),
);

test("the documentation shows how the action is used", () => {
  expect(SNIPPETS.length).toBeGreaterThanOrEqual(3);
});

test.each(SNIPPETS)("$name is a valid workflow, job or list of steps", async ({ code }) => {
  expect(await complaintsAbout(".github/workflows/snippet.yml", asWorkflow(code))).toEqual([]);
});

/** A snippet in the frame that its readers put it in. */
function asWorkflow(snippet: string): string {
  const indented = (spaces: number) => snippet.replaceAll(/^(?=.)/gm, " ".repeat(spaces));
  const parsed: unknown = parse(snippet);
  if (Array.isArray(parsed)) return `on: push\njobs:\n  a:\n    runs-on: self-hosted\n    steps:\n${indented(6)}`;
  const keys = Object.keys(parsed as object);
  if (!keys.includes("jobs")) return `on: push\njobs:\n${indented(2)}`;
  return keys.includes("on") ? snippet : `on: push\n${snippet}`;
}
