const BEGIN = "# iris-ports begin: written by `iris-ports env --write`, which replaces these lines";
const END = "# iris-ports end";
/** A byte order mark before it belongs to the file. */
const BLOCK = /(?<=^|^\ufeff)[ \t]*# iris-ports begin\b[^\n]*\n(?:[^\n]*\n)*?[ \t]*# iris-ports end[^\n]*(?:\n|$)/m;

/** How a file is edited. */
export type BlockOptions = {
  /** Where a new block goes: a TOML file's own keys come before its first table. */
  readonly place: "start" | "end";
  /** For each of the lines outside the block, the name of ours that it sets. */
  readonly settingsIn: (lines: readonly string[]) => readonly (string | undefined)[];
  /** Turns such lines into comments instead of reporting them. */
  readonly isForced: boolean;
};

/** The file with our lines in it, or the names of ours that are set outside the block. */
export type BlockEdit =
  | { readonly kind: "edited"; readonly text: string }
  | { readonly kind: "conflict"; readonly names: readonly string[] };

/**
 * Puts lines into the marked block of a file, which is made where there is none. All other lines keep their bytes; the
 * block gets the line ends of the file's first line.
 */
export function withBlock(text: string, lines: readonly string[], options: BlockOptions): BlockEdit {
  const outside = outsideBlock(text, options.place).map((part) => checked(part, options.settingsIn));
  const names = outside.flatMap((part) => part.names);
  if (names.length > 0 && !options.isForced) return { kind: "conflict", names: [...new Set(names)] };
  const eol = /\r?\n/.exec(text)?.[0] ?? "\n";
  const block = [BEGIN, ...lines, END].map((line) => line + eol).join("");
  const [head = "", tail = ""] = outside.map((part) => part.text);
  const gap = head === "" || head === "\ufeff" || head.endsWith("\n") ? "" : eol;
  return { kind: "edited", text: head + gap + block + tail };
}

/** What comes before the block and after it. */
export function outsideBlock(text: string, place: BlockOptions["place"]): readonly [string, string] {
  const found = BLOCK.exec(text);
  if (found) return [text.slice(0, found.index), text.slice(found.index + found[0].length)];
  if (place === "end") return [text, ""];
  const start = text.startsWith("\ufeff") ? 1 : 0;
  return [text.slice(0, start), text.slice(start)];
}

function checked(text: string, settingsIn: BlockOptions["settingsIn"]) {
  const lines = text.split("\n");
  const names = settingsIn(lines);
  const kept = lines.map((line, index) => (names[index] === undefined ? line : `# ${line}`));
  return { text: kept.join("\n"), names: names.filter((name) => name !== undefined) };
}
