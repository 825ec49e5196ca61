import { importTask, SOURCE_FILE } from "./classes.ts";
import { objectScriptTask, type SessionTask } from "./object-script.ts";
import type { SessionPlace } from "./session-failure.ts";
import { sqlTask } from "./sql.ts";

/** A script that prepares a new IRIS. */
export type InitScript = {
  /** The name that the user gave it; the extension tells the kind of script. */
  readonly shown: string;
  readonly content: string;
};

/** A part of the preparation that runs in one session. */
export type InitStep = {
  readonly shown: string;
  /** Files to put into the container first, by name. */
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** @param directory where the files are in the container */
  readonly task: (directory: string) => SessionTask<unknown>;
};

/**
 * The steps that run scripts in their order: `.sql` as SQL statements; classes and routines (`.cls`, `.mac`, `.inc`,
 * `.int`, `.xml`) are loaded and compiled, those that follow each other at once; everything else is ObjectScript, as if
 * it were typed into a session.
 */
export function initSteps(scripts: readonly InitScript[], place: SessionPlace): readonly InitStep[] {
  const steps: InitStep[] = [];
  for (let index = 0; index < scripts.length; ) {
    const { shown, content } = scripts[index] as InitScript;
    const sources = sourcesFrom(scripts, index);
    if (sources.length > 0) {
      steps.push(importStep(sources, place));
      index += sources.length;
      continue;
    }
    const task = /\.sql$/i.test(shown) ? sqlTask(content, [], place) : objectScriptTask(content, place);
    steps.push({ shown, files: [], task: () => task });
    index += 1;
  }
  return steps;
}

function sourcesFrom(scripts: readonly InitScript[], first: number): readonly InitScript[] {
  const rest = scripts.slice(first);
  const end = rest.findIndex(({ shown }) => !SOURCE_FILE.test(shown));
  return end === -1 ? rest : rest.slice(0, end);
}

function importStep(sources: readonly InitScript[], place: SessionPlace): InitStep {
  const files = sources.map(({ shown, content }, index) => ({
    name: `${index}${/\.\w+$/.exec(shown)?.[0] ?? ""}`,
    shown,
    content,
  }));
  return {
    shown: sources.map(({ shown }) => shown).join(", "),
    files,
    task: (directory) =>
      importTask(
        files.map(({ name, shown }) => ({ path: `${directory}/${name}`, shown })),
        place,
      ),
  };
}
