import { inspect } from "node:util";
import { LONGEST_TIMER_MS } from "../errors/deadline.ts";
import { InvalidArgumentError } from "../errors/errors.ts";

const SHOWN_LENGTH = 200;

/**
 * A port given by a caller.
 * @throws InvalidArgumentError unless it is a whole number from 1 to 65535
 */
export function checkPort(value: unknown, argument: string): number {
  if (isPort(value)) return value;
  throw new InvalidArgumentError({
    what: `${argument} is not a port: ${shown(value)}.`,
    remedy: "give a whole number from 1 to 65535",
    argument,
    value,
  });
}

/** @throws InvalidArgumentError when it is not a string, or empty */
export function checkText(value: unknown, argument: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new InvalidArgumentError({
    what: `${argument} is not a string, or is empty: ${shown(value)}.`,
    remedy: `give ${argument} as a string that is not empty`,
    argument,
    value,
  });
}

/** Options given by a caller. @throws InvalidArgumentError when they are not an object */
export function checkOptions<T extends object>(value: T, argument = "options"): T {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError({
    what: `${argument} is not an object: ${shown(value)}.`,
    remedy: `give ${argument} as an object with named fields, or leave them out`,
    argument,
    value,
  });
}

/**
 * A duration given by a caller, in milliseconds.
 * @throws InvalidArgumentError unless it is a number from 0 to {@link LONGEST_TIMER_MS}
 */
export function checkDurationMs(value: unknown, argument: string): number {
  if (typeof value === "number" && value >= 0 && value <= LONGEST_TIMER_MS) return value;
  throw new InvalidArgumentError({
    what: `${argument} is not a duration: ${shown(value)}.`,
    remedy: `give a number of milliseconds from 0 to ${LONGEST_TIMER_MS} (24 days)`,
    argument,
    value,
  });
}

/** True for a port of TCP. */
export function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535;
}

/**
 * False for text that does not correspond to exactly one sequence of bytes: Node replaces invalid UTF-8 in a path by
 * U+FFFD, and a lone surrogate has no encoding.
 */
export function isLossless(text: string): boolean {
  return text.isWellFormed() && !text.includes("\uFFFD");
}

/** True if a text contains control characters (C0, DEL, C1), which could break a line, a terminal or a label. */
export function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** A value to print in a message; text is quoted. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : inspect(value, { depth: 1, breakLength: Infinity });
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}...` : text;
}
