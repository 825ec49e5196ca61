import { registerHooks } from "node:module";
import type { Logger } from "@actions/languageservice";
import { ACTION } from "./action-bundle.ts";

// It imports JSON as bundlers do, without saying so.
registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    return resolved.url.endsWith(".json") ? { ...resolved, importAttributes: { type: "json" } } : resolved;
  },
});
const { registerLogger, validate } = await import("@actions/languageservice");

/** GitHub's own checker catches its own failures, and would then find nothing wrong. */
const failures: string[] = [];
const logger: Logger = {
  error: (message) => void failures.push(message),
  warn: (message) => void failures.push(message),
  info: () => undefined,
  log: () => undefined,
};
registerLogger(logger);

/** It remembers what it has parsed, by name. */
let checked = 0;

type Validated = Parameters<typeof validate>[0];

/** The problems that GitHub's checker finds in a workflow or `action.yml`, each with its line. */
export async function complaintsAbout(path: string, text: string): Promise<readonly string[]> {
  failures.length = 0;
  const document = {
    uri: `file:///${++checked}/${path}`,
    languageId: "yaml",
    version: 1,
    ...positionsOf(text),
  } as Validated;
  const found = await validate(document, {
    actionsMetadataProvider: {
      // Other actions are unknown here; ours is known from action.yml.
      fetchActionMetadata: async ({ owner, name }) =>
        `${owner}/${name}` === "org/iris-ports"
          ? { name, description: "", inputs: ACTION.inputs, outputs: ACTION.outputs }
          : undefined,
    },
  });
  const unknown = /^Unable to resolve action `(?!org\/iris-ports@)/;
  const known = found.filter(({ message }) => !unknown.test(String(message)));
  return [...failures, ...known.map(({ message, range }) => `${path}:${range.start.line + 1}: ${message}`)];
}

function positionsOf(text: string) {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return {
    lineCount: starts.length,
    getText: () => text,
    offsetAt: ({ line, character }: { line: number; character: number }) => (starts[line] ?? text.length) + character,
    positionAt: (offset: number) => {
      const line = starts.findLastIndex((start) => start <= offset);
      return { line, character: offset - (starts[line] as number) };
    },
  };
}
