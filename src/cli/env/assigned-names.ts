/** A file of lines that each set something. */
export type LineFormat = "shell" | "dotenv" | "toml";

const KEY = String.raw`^[^\S\r\n]*(?:export[^\S\r\n]+)?(?<name>[\w.-]+)[^\S\r\n]*=[^\S\r\n]*`;

/**
 * An assignment of a name, to the end of a quoted value, which may span lines; an unclosed quote is an ordinary
 * character.
 */
const ASSIGNMENT: Readonly<Record<LineFormat, RegExp>> = {
  shell: new RegExp(String.raw`${KEY}(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\;])*`, "gms"),
  dotenv: new RegExp(String.raw`${KEY}(?:(["'\`])(?:\\.|(?!\2)[^\\])*\2)?`, "gms"),
  // A match without a name is the first table's heading: the file's own keys come before it.
  toml: /^[^\S\r\n]*(?:\[|(["']?)(?<name>[\w-]+)\1[^\S\r\n]*=[^\S\r\n]*(?:"""(?:\\.|(?!""")[^\\])*"""|'''(?:(?!''').)*''')?)/gms,
};

/** For each line, with its line end: the name it assigns, or the name whose multi-line value it continues. */
export function assignedNames(lines: readonly string[], format: LineFormat): readonly (string | undefined)[] {
  const found = [...lines.join("").matchAll(ASSIGNMENT[format])];
  const table = found.findIndex(({ groups }) => groups?.["name"] === undefined);
  const own = table < 0 ? found : found.slice(0, table);
  const endOf = ({ 0: all, index }: RegExpExecArray) => index + all.length;
  let end = 0;
  let next = 0;
  return lines.map((line) => {
    const start = end;
    end += line.length;
    let match = own[next];
    while (match !== undefined && endOf(match) <= start) match = own[++next];
    return match !== undefined && match.index <= start ? match.groups?.["name"] : undefined;
  });
}
