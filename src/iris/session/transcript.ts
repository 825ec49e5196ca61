import { randomBytes } from "node:crypto";
import { objectScriptString } from "../objectscript.ts";
import { decodeBase64 } from "./wide-text.ts";

/** The result of a step. */
export type StepOutcome = {
  readonly step: number;
  /** What IRIS wrote during the step. */
  readonly output: string;
  /** IRIS's message if the step failed; undefined if it worked or did not end. */
  readonly words: string | undefined;
  /** False if the session ended in the middle of the step. */
  readonly isEnded: boolean;
};

/** Every step that was begun, in order. */
export type Transcript = {
  readonly steps: readonly StepOutcome[];
  /** True when the session read its script to the end. */
  readonly isComplete: boolean;
  /** What IRIS wrote outside of the steps. */
  readonly rest: string;
};

/** Keeps a direct-mode line far below the longest that IRIS reads. */
const CHUNK_LENGTH = 400;

/**
 * Builds a script for a session of IRIS that runs in steps. Every step writes a marker before and after itself; a step
 * that fails keeps the later ones from running. The markers hold a random word, so that no output can be mistaken for one.
 */
export class ScriptBuilder {
  readonly word: string;
  readonly #lines: string[];
  #steps = 0;

  constructor(word = randomBytes(8).toString("hex")) {
    this.word = word;
    // Sessions break lines at the right margin otherwise, on a pipe too, and write in the locale's character set.
    this.#lines = [quietly("use $io:0"), quietly('use $io:(0:"+K\\UTF8\\")')];
  }

  /** Sets a variable to a text of any length and any characters. */
  set(variable: string, text: string): this {
    this.#lines.push(`set ${variable}=""`);
    for (let start = 0; start < text.length; start += CHUNK_LENGTH)
      this.#lines.push(`set ${variable}=${variable}_${objectScriptString(text.slice(start, start + CHUNK_LENGTH))}`);
    return this;
  }

  /**
   * Adds a step: ObjectScript on one line, which sets `ipFault` to tell that it failed.
   * @returns its number, from 1
   */
  step(code: string): number {
    this.#steps += 1;
    const begin = `write !,"IP"_"${this.word}<${this.#steps}:",!`;
    // The step may have left another device in use.
    const end = `use 0 write !,"IP"_"${this.word}>${this.#steps}:",$select(ipFailed:"ERR:"_${base64("ipFault")},1:"OK"),!`;
    this.#lines.push(
      `if '$get(ipFailed) { kill ipFault try { ${begin} ${code} } catch ipError { set ipFault=ipError.DisplayString() } set ipFailed=($get(ipFault)'="") ${end} }`,
    );
    return this.#steps;
  }

  /** The script as a session reads it. */
  toString(): string {
    return [...this.#lines, `write !,"IP"_"${this.word}>end:",!`, "halt", ""].join("\n");
  }
}

/** ObjectScript for a text of at most some 100,000 characters in base64, on one line. */
export function base64(expression: string): string {
  return `$system.Encryption.Base64Encode($zconvert($extract(${expression},1,100000),"O","UTF8"),1)`;
}

function quietly(code: string): string {
  return `try { ${code} } catch ipError { }`;
}

/** Reads what a session wrote when it ran such a script. */
export function readTranscript(word: string, output: string): Transcript {
  const marker = new RegExp(`\\r?\\nIP${word}([<>])(\\d+|end):([^\\r\\n]*)(?:\\r?\\n|$)`, "g");
  const steps: StepOutcome[] = [];
  const rest: string[] = [];
  let begun: number | undefined;
  let isComplete = false;
  let position = 0;
  for (const { 0: text, 1: side, 2: name, 3: payload = "", index } of output.matchAll(marker)) {
    const between = output.slice(position, index);
    position = index + text.length;
    if (begun === undefined || side === "<") rest.push(between);
    else steps.push({ step: begun, output: unixLines(between), words: wordsOf(payload), isEnded: true });
    begun = side === "<" ? Number(name) : undefined;
    isComplete ||= name === "end";
  }
  const tail = output.slice(position);
  if (begun === undefined) rest.push(tail);
  else steps.push({ step: begun, output: unixLines(tail), words: undefined, isEnded: false });
  return { steps, isComplete, rest: unixLines(rest.join("\n")) };
}

function wordsOf(payload: string): string | undefined {
  if (!payload.startsWith("ERR:")) return undefined;
  return decodeBase64(payload.slice("ERR:".length)).trim() || "no reason given";
}

function unixLines(text: string): string {
  return text.replaceAll("\r\n", "\n");
}
