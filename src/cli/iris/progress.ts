import { formatAge } from "../../text/age.ts";
import { plainText, truncate } from "../../text/plain-text.ts";
import { standardError } from "../terminal.ts";

/** Reports on standard error what a start is waiting for: in a terminal on one changing line, elsewhere line by line. */
export class Progress implements Disposable {
  readonly #terminal = standardError();
  readonly #since = new Date();
  readonly #timer: NodeJS.Timeout | undefined;
  #text = "";

  constructor() {
    if (this.#terminal.isInteractive) this.#timer = setInterval(() => this.#draw(), 1_000);
  }

  /** Prints a permanent line. */
  readonly narrate = (line: string): void => {
    this.#clear();
    this.#terminal.write(`${plainText(line)}\n`);
  };

  /** Shows the current activity. */
  readonly show = (text: string): void => {
    this.#text = plainText(text);
    this.#draw();
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #draw(): void {
    if (!this.#terminal.isInteractive) return;
    const line = `${formatAge(this.#since, new Date())}  ${this.#text}`;
    this.#clear();
    this.#terminal.write(truncate(line, (this.#terminal.width ?? 80) - 1, "end"));
  }

  #clear(): void {
    if (this.#terminal.isInteractive) this.#terminal.write("\r\u001b[K");
  }
}
