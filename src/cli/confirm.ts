import { createInterface } from "node:readline/promises";

/** False in scripts and pipes: then nobody would see the question, which goes to standard error. */
export function hasSomebodyToAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Ctrl-C and the end of the input are a no. */
export async function isConfirmed(question: string): Promise<boolean> {
  using prompt = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => prompt.once("close", () => resolve("")));
  const answer = await Promise.race([prompt.question(question), closed]);
  return /^y(es)?$/i.test(answer.trim());
}
