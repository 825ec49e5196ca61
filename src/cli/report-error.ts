import { styleText } from "node:util";
import createDebug from "debug";
import { IrisPortsError } from "../errors/base.ts";
import { commandText } from "../settings/command-text.ts";
import { plainJson, plainLines } from "../text/plain-text.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-codes.ts";
import type { OutputLoss } from "./terminal.ts";

const isTraced = createDebug("iris-ports:cli").enabled;

/** Prints what failed, the state and the fix on stderr, as text or JSON, and returns the exit code. */
export function reportError(error: unknown, isJson = false): number {
  const isOurs = error instanceof IrisPortsError;
  if (isJson) writeJson(isOurs ? error : unexpected(error));
  else writeText(isOurs ? error.message : textOf(unexpected(error)));
  if (isTraced && error instanceof Error) process.stderr.write(`${plainLines(error.stack ?? "")}\n`);
  return isOurs ? exitCodeOf(error.code) : EXIT_CODES.unexpected;
}

/** Prints a warning on stderr; the command goes on. */
export function reportWarning(message: string): void {
  const mark = styleText(["bold", "yellow"], "iris-ports: warning:", { stream: process.stderr });
  process.stderr.write(`${mark} ${plainLines(message)}\n`);
}

/** Prints what is wrong with the arguments, and which help explains them, unless the help was printed instead. */
export function reportUsage(complaint: string, words: readonly string[], isJson = false): number {
  const what = complaint.replace(/^error: /, "").trimEnd();
  if (what === "") return EXIT_CODES.usage;
  const remedy = `see \`${commandText([...words, "--help"])}\``;
  const error = { code: "INVALID_ARGUMENT", what, state: undefined, remedy };
  if (isJson) writeJson(error);
  else process.stderr.write(`iris-ports: ${plainLines(textOf(error))}\n`);
  return EXIT_CODES.usage;
}

/** Prints why the output could not be written, and what the command has changed nevertheless. */
export function reportOutputLoss(error: Error, loss: OutputLoss | undefined, isJson: boolean): void {
  const { state, remedy } = loss ?? {
    state: "What the command has changed stays changed.",
    remedy: `write the output elsewhere, and see \`${commandText(["list"])}\``,
  };
  const what = `The output could not be written: ${error.message}`;
  if (isJson) writeJson({ code: "UNEXPECTED", what, state, remedy });
  else writeText(`${what}\n${state}\nTo fix: ${remedy}`);
}

type Report = Pick<IrisPortsError, "what" | "state" | "remedy"> & { readonly code: string };

function unexpected(error: unknown): Report {
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "UNEXPECTED",
    what: `Unexpected failure: ${message}`,
    state: undefined,
    remedy: "run the command again with DEBUG=iris-ports* and report what it prints",
  };
}

function textOf({ what, remedy }: Report): string {
  return `${what}\nTo fix: ${remedy}`;
}

function writeText(text: string): void {
  process.stderr.write(
    `${styleText(["bold", "red"], "iris-ports:", { stream: process.stderr })} ${plainLines(text)}\n`,
  );
}

/** In one line, because notes and warnings may come before it. */
function writeJson({ code, what, state, remedy }: Report): void {
  process.stderr.write(`${plainJson({ error: { code, message: what, state, remedy } }, 0)}\n`);
}
