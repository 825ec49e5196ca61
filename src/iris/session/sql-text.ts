/** A statement of a file of SQL. */
export type SqlStatement = {
  /** The number of its first line, from 1. */
  readonly line: number;
  /** Without the semicolon or `GO` that ends it. */
  readonly sql: string;
};

const TOKEN = /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_%][\w%$]*|[;{}]|\s+|./gsu;

/**
 * Splits SQL into statements at semicolons and at lines that are only `GO`. Those in strings, comments and the bodies of
 * procedures, functions and triggers (`BEGIN ... END`, `{ ... }`) do not count.
 */
export function splitSql(text: string): SqlStatement[] {
  const source = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const statements: SqlStatement[] = [];
  let begin = 0;
  let body = new Body();
  const finish = (end: number, next: number) => {
    const raw = source.slice(begin, end);
    const sql = withoutLeadingComments(raw);
    if (sql !== "") statements.push({ line: lineAt(source, begin + raw.indexOf(sql)), sql });
    begin = next;
    body = new Body();
  };
  for (const { 0: token, index } of source.matchAll(TOKEN)) {
    if (token === ";" && !body.isOpen) finish(index, index + 1);
    else if (/^go$/i.test(token) && isAlone(source, index)) finish(index, index + token.length);
    else body.read(token);
  }
  finish(source.length, source.length);
  return statements;
}

/** Tracks the nesting depth of the text in the body of a procedure. */
class Body {
  #words = 0;
  #depth = 0;
  #hasBody = false;

  get isOpen(): boolean {
    return this.#depth > 0;
  }

  read(token: string): void {
    if (token === "{") this.#depth += 1;
    else if (token === "}") this.#depth = Math.max(0, this.#depth - 1);
    else if (/^[A-Za-z]/.test(token)) this.#readWord(token.toUpperCase());
  }

  #readWord(word: string): void {
    this.#words += 1;
    if (this.#words === 1) this.#hasBody = word === "CREATE" || word === "ALTER";
    if (!this.#hasBody) return;
    if (word === "BEGIN" || (word === "CASE" && this.#depth > 0)) this.#depth += 1;
    else if (word === "END") this.#depth = Math.max(0, this.#depth - 1);
  }
}

function isAlone(source: string, index: number): boolean {
  const lineStart = source.lastIndexOf("\n", index - 1) + 1;
  const lineEnd = source.indexOf("\n", index);
  return /^go$/i.test(source.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).trim());
}

function withoutLeadingComments(sql: string): string {
  return sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, "").trim();
}

function lineAt(source: string, index: number): number {
  return source.slice(0, index).split("\n").length;
}
