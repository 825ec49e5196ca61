import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { EXIT_CODES } from "./exit-codes.ts";

/** False in scripts and pipes, where the question, on standard error, would not be seen. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** The end of the input counts as no; Ctrl-C ends the command, not only the question. */
export async function confirm(question: string): Promise<"yes" | "no" | "interrupted"> {
  using prompt = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new Promise<"interrupted">((resolve) => prompt.once("SIGINT", () => resolve("interrupted")));
  const closed = new Promise<"no">((resolve) => prompt.once("close", () => resolve("no")));
  const answered = prompt.question(question).then((text) => (/^y(es)?$/i.test(text.trim()) ? "yes" : "no"));
  // Awaited here, because the prompt is closed when this function returns.
  return await Promise.race([answered, interrupted, closed]);
}

/** A line from the terminal that is not shown while it is typed; undefined at the end of the input. Ctrl-C ends the command. */
export async function askSecret(question: string): Promise<string | undefined> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  using prompt = createInterface({ input: process.stdin, output: unseen, terminal: true });
  process.stderr.write(question);
  prompt.once("SIGINT", () => {
    prompt.close();
    process.exit(EXIT_CODES.interrupted);
  });
  const closed = new Promise<undefined>((resolve) => prompt.once("close", () => resolve(undefined)));
  try {
    return await Promise.race([prompt.question(""), closed]);
  } finally {
    process.stderr.write("\n");
  }
}
