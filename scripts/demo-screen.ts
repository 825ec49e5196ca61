import { styleText } from "node:util";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 80;
/** How often a line reports that the demo still waits, if the output is not a terminal. */
const REMINDER_MS = 10_000;

const { stdout } = process;
type Format = Parameters<typeof styleText>[0];
const paint = (format: Format, text: string) => styleText(format, text, { stream: stdout });

/** The output of the demo: steps, waits, and claims, each of which is checked. */
export class DemoScreen {
  #step = 0;
  #held = 0;
  #broken: string[] = [];
  /** The cursor is on the line of the spinner, which must be cleared before the next output. */
  #isSpinning = false;

  title(text: string): void {
    this.#write(`\n${paint("bold", text)}`);
  }

  step(text: string): void {
    this.#step++;
    this.#write(`\n${paint(["bold", "cyan"], `${this.#step}.`)} ${paint("bold", text)}`);
  }

  note(text: string): void {
    this.#write(`   ${paint("dim", text)}`);
  }

  line(text: string): void {
    this.#write(`   ${text}`);
  }

  /** Emphasised text. */
  strong(text: string | number): string {
    return paint(["bold", "cyan"], String(text));
  }

  /** Prints a claim, marked as true or false. */
  claim(text: string, isTrue: boolean): void {
    if (isTrue) this.#held++;
    else this.#broken.push(text);
    this.#write(`   ${isTrue ? paint("green", "✔") : paint(["bold", "red"], "✘")} ${text}`);
  }

  /** Shows what is awaited, and for how long. */
  async waitFor<T>(what: string, work: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    if (!stdout.isTTY) this.note(`${what} ...`);
    let frame = 0;
    const show = () => {
      if (!stdout.isTTY) return this.note(`${what}: still waiting, ${seconds()}`);
      const spinner = FRAMES[frame++ % FRAMES.length];
      this.#isSpinning = true;
      stdout.write(`\r\u001b[2K   ${paint("cyan", spinner ?? "")} ${what} ${paint("dim", seconds())}`);
    };
    const timer = setInterval(show, stdout.isTTY ? FRAME_MS : REMINDER_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      this.#write();
    }
  }

  /** Prints how many claims hold; false if one does not. */
  finish(): boolean {
    const isGood = this.#broken.length === 0;
    const sum = isGood ? `All ${this.#held} claims hold.` : `${this.#broken.length} claims do not hold:`;
    this.#write(`\n${paint(["bold", isGood ? "green" : "red"], sum)}`);
    for (const claim of this.#broken) this.line(claim);
    return isGood;
  }

  #write(line?: string): void {
    if (this.#isSpinning) stdout.write("\r\u001b[2K");
    this.#isSpinning = false;
    if (line !== undefined) stdout.write(`${line}\n`);
  }
}
