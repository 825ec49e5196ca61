/**
 * External text (a path, a container's name, an engine's message), made safe for a terminal and the log of a CI job:
 * control and direction-changing characters, which could rewrite the screen, are escaped, and so are commands that a
 * GitHub runner would obey. The joiner of emoji sequences is harmless and stays.
 * @see https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
 */
export function plainText(text: string): string {
  return text.replaceAll(UNSAFE, spelledOut).replaceAll(RUNNER_COMMAND, spelledOut);
}

/** The same for text of several lines. */
export function plainLines(text: string): string {
  return text.split(/\r?\n/).map(plainText).join("\n");
}

/** JSON of the same value that is safe to print. */
export function plainJson(value: unknown, indentation = 2): string {
  const spellOut = (character: string) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, undefined, indentation)
    .replaceAll(UNSAFE_IN_JSON, spellOut)
    .replaceAll(/(?<=##)\[/g, spellOut);
}

/** The number of terminal columns of a text. @see https://www.unicode.org/reports/tr11/ */
export function columnsOf(text: string): number {
  return graphemesOf(text).reduce((columns, grapheme) => columns + (WIDE.test(grapheme) ? 2 : 1), 0);
}

/** Cuts a text to at most `columns`, at the end or, for texts such as paths, at the start. */
export function truncate(text: string, columns: number, side: "start" | "end"): string {
  if (columnsOf(text) <= columns) return text;
  const graphemes = graphemesOf(text);
  const kept: string[] = [];
  let left = columns - 1;
  for (const grapheme of side === "end" ? graphemes : graphemes.reverse()) {
    left -= columnsOf(grapheme);
    if (left < 0) break;
    kept.push(grapheme);
  }
  return side === "end" ? `${kept.join("")}…` : `…${kept.reverse().join("")}`;
}

/** Only made for text that needs it: the system's tables for it take 10 ms to load. */
let graphemes: Intl.Segmenter | undefined;

function graphemesOf(text: string): string[] {
  if (/^[ -~]*$/.test(text)) return [...text];
  graphemes ??= new Intl.Segmenter();
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function spelledOut(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Commands of a GitHub runner: `::command` at the start of a line, `##[command]` anywhere. */
const RUNNER_COMMAND = /(?<=^\s*):(?=:)|(?<=##)\[/g;
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?!\u200d)\p{Cf}/gu;
/** Characters to escape between JSON.stringify's own line breaks; those beyond U+FFFF need no escape. */
const UNSAFE_IN_JSON = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200d\u{10000}-\u{10ffff}])\p{Cf}/gu;
const WIDE =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
