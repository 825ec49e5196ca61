/** A file of lines that each set something. */
export type LineFormat = "shell" | "dotenv" | "toml";

const KEY = String.raw`^[^\S\r\n]*(?:export[^\S\r\n]+)?(?<name>[\w.-]+)[^\S\r\n]*=[^\S\r\n]*`;

/** What sets a name, to the end of a quoted value, which may span lines; a quote that nothing closes is a character. */
const ASSIGNMENT: Readonly<Record<LineFormat, RegExp>> = {
  shell: new RegExp(String.raw`${KEY}(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\;])*`, "gms"),
  dotenv: new RegExp(String.raw`${KEY}(?:(["'\`])(?:\\.|(?!\2)[^\\])*\2)?`, "gms"),
  // Without a name: the first table, before which a file has its own keys.
  toml: /^[^\S\r\n]*(?:\[|(["']?)(?<name>[\w-]+)\1[^\S\r\n]*=[^\S\r\n]*(?:"""(?:\\.|(?!""")[^\\])*"""|'''(?:(?!''').)*''')?)/gms,
};

/** For each line, with its line end: the name it assigns, or the name whose multi-line value it continues. */
export function assignedNames(lines: readonly string[], format: LineFormat): readonly (string | undefined)[] {
  const found = [...lines.join("").matchAll(ASSIGNMENT[format])];
  const table = found.findIndex(({ groups }) => groups?.["name"] === undefined);
  const own = table < 0 ? found : found.slice(0, table);
  let end = 0;
  return lines.map((line) => {
    const start = end;
    end += line.length;
    return own.find(({ 0: all, index }) => index <= start && start < index + all.length)?.groups?.["name"];
  });
}
