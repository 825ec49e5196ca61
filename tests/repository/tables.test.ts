import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EXIT_CODES, exitCodeOf } from "../../src/cli/exit-codes.ts";
import * as library from "../../src/index.ts";
import { codeWords, MarkdownPage } from "../helpers/markdown.ts";
import { PYTHON_VERSIONS } from "../helpers/python-tool.ts";

const ROOT = new URL("../../", import.meta.url);

function source(path: string): string {
  return fs.readFileSync(new URL(path, ROOT), "utf8");
}

/** The names in code in the first cells of the tables under a heading, without their arguments. */
function firstNames(page: string, heading: string): string[] {
  return new MarkdownPage(page)
    .rows(heading)
    .flatMap(([cell = ""]) => codeWords(cell).map((word) => word.replace(/[( ].*$/, "")));
}

/** The public methods of classes, those inherited from elsewhere left out. */
function methods(...classes: readonly { readonly prototype: object }[]): string[] {
  const names = classes.flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
  return [...new Set(names)].filter((name) => name !== "constructor");
}

describe("E2: the table of errors", () => {
  const rows = new MarkdownPage("docs/errors.md").rows("Errors").map(([code = "", name = "", exit = ""]) => ({
    code: codeWords(code)[0] ?? "",
    name: codeWords(name)[0] ?? "",
    exit: Number(exit),
  }));

  test("has every code, and no other", () => {
    const union = source("src/errors/base.ts").match(/type IrisPortsErrorCode =([^;]+);/)?.[1] ?? "";
    const codes = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(5);
    expect(rows.map(({ code }) => code).sort()).toEqual(codes.sort());
  });

  test.each(rows)("names for $code the class that is exported, and its exit code", ({ code, name, exit }) => {
    const exported = (library as Readonly<Record<string, unknown>>)[name] as new (text: object) => { code: string };
    const error = new exported({ what: "It happened.", remedy: "mend it" });
    expect(error).toBeInstanceOf(library.IrisPortsError);
    expect(error.code).toBe(code);
    expect(exit).toBe(exitCodeOf(code));
  });

  test("has every class of error that is exported", () => {
    const classes = Object.entries(library)
      .filter(([, value]) => typeof value === "function" && value.prototype instanceof library.IrisPortsError)
      .map(([name]) => name);
    expect(rows.map(({ name }) => name).sort()).toEqual(classes.sort());
  });
});

test("the table of environment variables is what config.ts reads", () => {
  const read = [...source("src/settings/config.ts").matchAll(/read\("(\w+)"\)/g)].map(([, name]) => name);
  expect(read.length).toBeGreaterThan(5);
  expect(firstNames("docs/configuration.md", "Environment variables").sort()).toEqual(read.sort());
});

describe("the tables of the library", () => {
  test("have every method that configures a container", () => {
    const own = methods(library.RegistryContainer, library.IrisRegistryContainer);
    const configuring = own.filter((name) => name.startsWith("with"));
    expect(firstNames("docs/library.md", "Configuring a container").sort()).toEqual(configuring.sort());
  });

  test("have every method of a started container", () => {
    const own = methods(library.StartedRegistryContainer, library.StartedIrisRegistryContainer);
    expect(firstNames("docs/library.md", "A started container").sort()).toEqual(own.sort());
  });

  test("have every method of the registry", () => {
    expect(firstNames("docs/library.md", "The registry")).toEqual(
      expect.arrayContaining(methods(library.PortRegistry)),
    );
  });

  test("have every option of the registry", () => {
    const options =
      source("src/registry/registry-options.ts").match(/type PortRegistryOptions = \{([\s\S]*?)\n\};/)?.[1] ?? "";
    const names = [...options.matchAll(/readonly (\w+)\?/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(5);
    expect(firstNames("docs/library.md", "Options of the registry").sort()).toEqual(names.sort());
  });
});

describe("the table of commands", () => {
  const page = new MarkdownPage("docs/command-line.md");
  const help = (...args: string[]) =>
    execFileSync(process.execPath, [fileURLToPath(new URL("src/cli/bin.ts", ROOT)), ...args, "--help"], {
      encoding: "utf8",
      env: { ...process.env, COLUMNS: "200" },
    });
  /** What the help says of one thing: what stands in two columns under a title. */
  const listed = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name as string);
  const optionsIn = (text: string) => listed(text, /(?<![\w-])(--[a-z-]+)/g);
  const rows = page.rows("Commands").map((cells) => ({
    name: codeWords(cells[0] ?? "")[0]?.split(" ")[0] ?? "",
    text: cells.join(" "),
  }));
  /** A row may refer to the options of another one, and a command may have a section of its own. */
  const described = ({ name, text }: { name: string; text: string }) => {
    const referred = listed(text, /options of `(\w+)`/g).flatMap((other) => rows.filter((row) => row.name === other));
    const section = page.text.includes(`\n## ${name}\n`) ? page.section(name) : "";
    return [text, section, ...referred.map((row) => row.text)].join(" ");
  };

  test("has every command, and no other", () => {
    const commands = listed(help().split("Exit codes:")[0] as string, /^ {2}([a-z]+)(?:, [a-z, ]+)?[ \n]/gm);
    expect(commands.length).toBeGreaterThan(7);
    expect(rows.map(({ name }) => name).sort()).toEqual(commands.filter((name) => name !== "help").sort());
  });

  test.each(rows)("has the options of $name, in its row or its section", (row) => {
    const [, own = ""] = help(row.name).split("\nOptions:\n");
    const options = listed(own.split("\n\n")[0] as string, /^ {2}(?:-\w, )?(--[a-z-]+)/gm);
    const known = options.filter((option) => option !== "--help");
    expect(optionsIn(described(row))).toEqual(expect.arrayContaining(known));
    expect(options).toEqual(expect.arrayContaining(optionsIn(row.text)));
  });

  test("leads to every exit code, those of errors in their own table", () => {
    const ofErrors = new MarkdownPage("docs/errors.md").rows("Errors").map(([, , code]) => Number(code));
    const others = page.rows("Exit codes").flatMap(([code = ""]) => codeWords(code).map(Number));
    expect([...ofErrors, ...others]).toEqual(expect.arrayContaining(Object.values(EXIT_CODES)));
  });
});

test("every npm script of the documentation exists", () => {
  const scripts = Object.keys(JSON.parse(source("package.json")).scripts);
  const named = MarkdownPage.all().flatMap(({ text }) =>
    [...text.matchAll(/npm run ([\w-]+(?::[\w-]+)*)/g)].map(([, name]) => name),
  );
  expect(scripts).toEqual(expect.arrayContaining(named));
});

type Step = { readonly uses?: string; readonly with?: Readonly<Record<string, unknown>> };

test("workflows in the documentation use only inputs that the action has", () => {
  const inputs = Object.keys(parse(source("action.yml")).inputs);
  const used = MarkdownPage.all()
    .flatMap((page) => page.code("yaml", "yml"))
    .flatMap(({ code }) => stepsIn(parse(code)))
    .filter(({ uses }) => uses?.startsWith("org/iris-ports@"));
  expect(used.length).toBeGreaterThan(0);
  for (const step of used) expect(inputs).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})));
});

/** The steps of a workflow, of a job, or of a list of steps. */
function stepsIn(value: unknown): readonly Step[] {
  if (Array.isArray(value)) return value.flatMap((item) => (item && typeof item === "object" ? [item as Step] : []));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === "steps" ? (inner as Step[]) : stepsIn(inner)));
}

test("the table of the Python tool's versions has those that the registry is tested with", () => {
  const rows = new MarkdownPage("docs/configuration.md").rows("Together with the Python tool");
  expect(rows).toEqual(PYTHON_VERSIONS.map(({ tester, filelock }) => [tester, filelock]));
});
