/** A statement of a script that a session can run for itself: one line, or a block of several that were joined. */
export type Statement = {
  /** The number of its first line, from 1. */
  readonly line: number;
  /** Without comments and line breaks. */
  readonly code: string;
};

/** Keywords that continue the block before them. */
const CONTINUATION = /^(else|elseif|catch|while)\b/i;

/**
 * Splits ObjectScript into statements. A session reads one line at a time; so blocks and argument lists over several
 * lines are joined, which gives them the meaning that they have in a routine. Comments, empty lines, and everything
 * from a line that is only `halt` are left out.
 */
export function splitStatements(source: string): Statement[] {
  const text = source.replace(/^\uFEFF/, "").replaceAll(/\r\n?/g, "\n");
  const statements: Statement[] = [];
  const codes = withoutComments(text)
    .split("\n")
    .map((line) => line.trim());
  for (let index = 0; index < codes.length; index += 1) {
    const end = blockEnd(codes, index);
    const code = join(codes.slice(index, end + 1));
    if (/^(halt|h)$/i.test(code)) break;
    if (code !== "") statements.push({ line: index + 1, code });
    index = end;
  }
  return statements;
}

/** The index of the last line that belongs to the statement which begins at `start`. */
function blockEnd(codes: readonly string[], start: number): number {
  let depth = 0;
  for (let index = start; index < codes.length; index += 1) {
    depth += depthOf(codes[index] ?? "");
    if (depth > 0) continue;
    const next = codes.findIndex((code, at) => at > index && code !== "");
    const goesOn = next > 0 && /}$/.test(codes[index] ?? "") && CONTINUATION.test(codes[next] ?? "");
    if (!goesOn) return index;
    index = next - 1;
  }
  // An unclosed bracket: the message of IRIS about the line itself is the clearest.
  return start;
}

function join(codes: readonly string[]): string {
  return codes
    .filter((code) => code !== "")
    .join(" ")
    .trim();
}

function depthOf(code: string): number {
  const bare = withoutStrings(code);
  return (bare.match(/[({]/g)?.length ?? 0) - (bare.match(/[)}]/g)?.length ?? 0);
}

/** The code with the content of strings blanked, so that positions stay the same. */
export function withoutStrings(code: string): string {
  return code.replaceAll(/"(?:[^"]|"")*"?/g, (text) => "x".repeat(text.length));
}

/** Removes comments, but not their line breaks. */
function withoutComments(source: string): string {
  return source.replaceAll(STRING_OR_COMMENT, (text) => (text.startsWith('"') ? text : text.replaceAll(/[^\n]/g, "")));
}

const STRING_OR_COMMENT = /"(?:[^"\n]|"")*"|\/\*[\s\S]*?(?:\*\/|$)|(?:;|\/\/|#;)[^\n]*/g;
