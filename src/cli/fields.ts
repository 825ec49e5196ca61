import { plainText } from "../text/plain-text.ts";
import type { Terminal } from "./terminal.ts";

/** Names and values, a line each; those without a value are left out. */
export function fieldsText(fields: readonly (readonly [string, string | undefined])[], terminal: Terminal): string {
  const shown = fields.filter((field): field is readonly [string, string] => Boolean(field[1]));
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${terminal.paint("heading", name.padEnd(width))}  ${plainText(value)}\n`)
    .join("");
}
