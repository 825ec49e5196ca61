import type { Terminal } from "./terminal.ts";

const UP = (lines: number) => `\u001b[${lines}A`;
const CLEAR_BELOW = "\r\u001b[J";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

/** Redraws a text in place until Ctrl-C. If the output is not a terminal, prints it only when it has changed. */
export class Screen implements Disposable {
  readonly #terminal: Terminal;
  readonly #controller = new AbortController();
  readonly #interrupt = () => this.#controller.abort();
  #shown: string | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, this.#interrupt);
    if (terminal.isInteractive) terminal.write(HIDE_CURSOR);
  }

  get interruption(): AbortSignal {
    return this.#controller.signal;
  }

  get isInterrupted(): boolean {
    return this.#controller.signal.aborted;
  }

  show(text: string): void {
    const { isInteractive } = this.#terminal;
    if (!isInteractive && text === this.#shown) return;
    // Rows above the top of the terminal cannot be redrawn, so the text is cut to its height.
    const fitting = isInteractive ? firstLines(text, (process.stdout.rows || 24) - 1) : text;
    const back = isInteractive && this.#shown !== undefined ? UP(this.#shown.split("\n").length - 1) : "";
    this.#terminal.write(isInteractive ? `${back}${CLEAR_BELOW}${fitting}` : fitting);
    this.#shown = fitting;
  }

  [Symbol.dispose](): void {
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, this.#interrupt);
    if (this.#terminal.isInteractive) this.#terminal.write(SHOW_CURSOR);
  }
}

function firstLines(text: string, count: number): string {
  const lines = text.trimEnd().split("\n");
  const shown =
    lines.length <= count ? lines : [...lines.slice(0, count - 1), `... ${lines.length - count + 1} more lines`];
  return `${shown.join("\n")}\n`;
}
