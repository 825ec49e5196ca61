import { styleText } from "node:util";
import createDebug from "debug";
import { IrisPortsError } from "../errors/base.ts";
import { plainLines } from "../text/plain-text.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-codes.ts";

const isTraced = createDebug("iris-ports:cli").enabled;

/** Says on stderr what happened, what the state is and how to fix it, and returns the exit code. */
export function reportError(error: unknown): number {
  const isOurs = error instanceof IrisPortsError;
  const text = isOurs ? error.message : unexpectedText(error);
  process.stderr.write(
    `${styleText(["bold", "red"], "iris-ports:", { stream: process.stderr })} ${plainLines(text)}\n`,
  );
  if (isTraced && error instanceof Error) process.stderr.write(`${plainLines(error.stack ?? "")}\n`);
  return isOurs ? exitCodeOf(error.code) : EXIT_CODES.unexpected;
}

/** Says what is wrong with the arguments, where the help was not printed instead. */
export function reportUsage(complaint: string): number {
  const text = complaint.replace(/^error: /, "").trimEnd();
  if (text !== "") process.stderr.write(`iris-ports: ${plainLines(text)}\nTo fix: see \`iris-ports --help\`.\n`);
  return EXIT_CODES.usage;
}

function unexpectedText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `Something unexpected happened: ${message}\nTo fix: run it again with DEBUG=iris-ports* and report what it prints.`;
}
