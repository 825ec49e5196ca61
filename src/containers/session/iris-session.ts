import { readFileSync } from "node:fs";
import { basename, relative } from "node:path";
import { importTask } from "../../iris/session/classes.ts";
import type { SessionTask } from "../../iris/session/object-script.ts";
import { fileSessionCommand, sessionCommand } from "../../iris/session/session-command.ts";
import { isStillStarting, type SessionPlace } from "../../iris/session/session-failure.ts";
import { checkFile } from "../options/copied-sources.ts";
import { withCopies } from "./copied-files.ts";
import { execInSession, type SessionHost } from "./session-exec.ts";
import { sourceFiles } from "./source-files.ts";

/**
 * Runs a task in a new session.
 * @throws IrisSessionError when IRIS refuses a part of it
 * @throws ContainerEngineError when the engine does not run the session, such as in a container that has stopped
 */
export async function runTask<Result>(host: SessionHost, task: SessionTask<Result>): Promise<Result> {
  const inline = sessionCommand(task.script);
  if (inline !== undefined) {
    const { command, env } = inline;
    return task.read(await outputOf(host, command, { ...env }));
  }
  return await withCopies(host, [{ name: "session", content: task.script }], async ([path = ""]) =>
    task.read(await outputOf(host, fileSessionCommand(path))),
  );
}

/**
 * Loads and compiles classes and routines, and returns what was compiled.
 * @param path a file, a directory or a glob
 */
export async function importSources(host: SessionHost, path: string, place: SessionPlace): Promise<string[]> {
  const sources = sourceFiles(path);
  for (const source of sources) checkFile(source, "path");
  const contents = sources.map((source, index) => ({
    name: `${index}/${basename(source)}`,
    content: readFileSync(source),
  }));
  return await withCopies(host, contents, async (copies) => {
    const files = copies.map((copy, index) => ({ path: copy, shown: relative(".", sources[index] ?? "") }));
    return await runTask(host, importTask(files, place));
  });
}

/** How the engine reports a command that it could not begin, because the container ended in that moment. */
const NOT_BEGUN = 126;

/** The output of a session; if another user's restart prevented it before it ran anything, of another one after that. */
async function outputOf(
  host: SessionHost,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { output, exitCode } = await execInSession(host, command, env);
  const isPrevented = isStillStarting(output) || exitCode === NOT_BEGUN;
  if (host.untilRestarted === undefined || !isPrevented) return output;
  await host.untilRestarted();
  return (await execInSession(host, command, env)).output;
}
