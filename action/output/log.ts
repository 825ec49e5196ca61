import { stripVTControlCharacters } from "node:util";
import * as core from "@actions/core";
import { plainLines, plainText } from "../../src/text/plain-text.ts";

/** A line of text from outside (a path, a container's name, its log) as it may stand in the job's log. */
export function logText(line: string): string {
  // Colours and tabs are nothing to worry about: they are left out, and not spelled out.
  return plainText(stripVTControlCharacters(line).replaceAll("\t", "  "));
}

/** Writes to the job's log, line by line. */
export function say(text: string): void {
  for (const line of text.split(/\r?\n/)) core.info(logText(line));
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An annotation that does not fail the step. */
export function warn(text: string, title = "iris-ports"): void {
  core.warning(plainLines(text), { title });
}

/** The step fails with this annotation. */
export function fail(text: string, title: string): void {
  core.error(plainLines(text), { title });
  process.exitCode = 1;
}

/** What somebody else's program prints, within a group that is folded in the job's log. */
export async function inGroup<T>(title: string, work: (print: (line: string) => void) => Promise<T>): Promise<T> {
  core.startGroup(logText(title));
  try {
    // Behind a bar, no line of theirs can begin like a command of the runner, nor end the group.
    return await work((line) => core.info(`| ${logText(line)}`));
  } finally {
    core.endGroup();
  }
}
