import { lineEndOf, linesOf } from "./text-file.ts";

const BEGIN = "# iris-ports begin: written by `iris-ports env --write`, which replaces these lines";
const END = "# iris-ports end";
/** How a file is edited. */
export type BlockOptions = {
  /** Where a new block goes: a TOML file's own keys come before its first table. */
  readonly place: "start" | "end";
  /** The name of ours that each line outside the block sets; the lines have their line ends. */
  readonly settingsIn: (lines: readonly string[]) => readonly (string | undefined)[];
  /** Turns such lines into comments instead of reporting them. */
  readonly isForced: boolean;
};

/** The file with our lines in it, or the names of ours that are set outside the block. */
export type BlockEdit =
  | { readonly kind: "edited"; readonly text: string }
  | { readonly kind: "conflict"; readonly names: readonly string[] };

/**
 * Puts lines into the marked block of a file, which is added if it is missing. All other lines stay unchanged; the
 * block gets the line ends of the file's first line.
 */
export function withBlock(text: string, lines: readonly string[], options: BlockOptions): BlockEdit {
  const outside = outsideBlock(text, options.place).map((part) => checked(part, options.settingsIn));
  const names = outside.flatMap((part) => part.names);
  if (names.length > 0 && !options.isForced) return { kind: "conflict", names: [...new Set(names)] };
  const eol = lineEndOf(text);
  const block = [BEGIN, ...lines, END].map((line) => line + eol).join("");
  const [head = "", tail = ""] = outside.map((part) => part.text);
  const gap = /^\ufeff?$|[\r\n]$/.test(head) ? "" : eol;
  return { kind: "edited", text: head + gap + block + tail };
}

/**
 * The text before the block and after it. A byte order mark belongs to the file. A line that begins a block is an ordinary
 * line if no line ends the block: the lines after it are not ours.
 */
export function outsideBlock(text: string, place: BlockOptions["place"]): readonly [string, string] {
  const mark = text.startsWith("\ufeff") ? "\ufeff" : "";
  const lines = linesOf(text.slice(mark.length));
  const isBegin = (line: string) => /^[ \t]*# iris-ports begin\b/.test(line);
  const first = lines.findIndex(isBegin);
  const end = lines.findIndex((line, index) => index > first && /^[ \t]*# iris-ports end/.test(line));
  const begin = lines.slice(0, end + 1).findLastIndex(isBegin);
  if (begin >= 0) return [mark + lines.slice(0, begin).join(""), lines.slice(end + 1).join("")];
  return place === "end" ? [text, ""] : [mark, text.slice(mark.length)];
}

/** True for the first line of a block that was just written. */
export function isBlockBegin(line: string): boolean {
  return line.startsWith(BEGIN);
}

function checked(text: string, settingsIn: BlockOptions["settingsIn"]) {
  const lines = linesOf(text);
  const names = settingsIn(lines);
  const kept = lines.map((line, index) => (names[index] === undefined ? line : line.replace(/^\ufeff?/, "$&# ")));
  return { text: kept.join(""), names: names.filter((name) => name !== undefined) };
}
