import { stripVTControlCharacters } from "node:util";
import * as core from "@actions/core";
import { plainLines, plainText } from "../../src/text/plain-text.ts";

/** A line of external text (a path, a container's name, its log), made safe for the job's log. */
export function logText(line: string): string {
  // Colours and tabs are harmless; they are removed instead of escaped.
  return plainText(stripVTControlCharacters(line).replaceAll("\t", "  "));
}

/** Writes to the job's log, line by line. */
export function say(text: string): void {
  for (const line of text.split(/\r?\n/)) core.info(logText(line));
}

/** The message of anything that was thrown. */
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

/** Prints the output of another program in a folded group of the job's log. */
export async function inGroup<T>(title: string, work: (print: (line: string) => void) => Promise<T>): Promise<T> {
  core.startGroup(logText(title));
  try {
    // After a bar, no line of that output can be a command of the runner or end the group.
    return await work((line) => core.info(`| ${logText(line)}`));
  } finally {
    core.endGroup();
  }
}
