import { styleText } from "node:util";
import type { Style } from "../text/table.ts";
import type { Terminal } from "../text/terminal.ts";

export type { Terminal } from "../text/terminal.ts";

import { EXIT_CODES } from "./exit-codes.ts";

const FORMATS = {
  heading: ["bold"],
  strong: ["bold", "cyan"],
  good: ["green"],
  warning: ["yellow"],
  bad: ["bold", "red"],
  faint: ["dim"],
} as const satisfies Record<Style, readonly string[]>;

/** Standard output; colours follow the terminal, NO_COLOR and FORCE_COLOR. */
export function standardOutput(): Terminal {
  return terminalOn(process.stdout);
}

/** Standard error, for questions and everything else that is not the result. */
export function standardError(): Terminal {
  return terminalOn(process.stderr);
}

function terminalOn(stream: NodeJS.WriteStream): Terminal {
  return {
    isInteractive: stream.isTTY === true,
    width: (stream.isTTY && stream.columns) || undefined,
    paint: (style, text) => styleText([...FORMATS[style]], text, { stream }),
    write: (text) => void stream.write(text),
  };
}

/** What the command has changed, if its output cannot be written, and what to do about it. */
export type OutputLoss = { readonly state: string; readonly remedy: string };

let loss: OutputLoss | undefined;

/** For commands whose output says what they have changed. */
export function explainOutputLoss(explained: OutputLoss): void {
  loss = explained;
}

/** Ends quietly if the reader of a pipe has closed it (`iris-ports list | head`); a full disk is an error. */
export function endWhenOutputEnds(isJson: boolean): void {
  process.stdout.once("error", async (error: NodeJS.ErrnoException) => {
    process.stdout.on("error", () => undefined);
    if (error.code === "EPIPE") process.exit();
    (await import("./report-error.ts")).reportOutputLoss(error, loss, isJson);
    process.exit(EXIT_CODES.unexpected);
  });
  // A closed standard error is not a reason to stop: `run` still holds the port of its command.
  process.stderr.on("error", () => undefined);
}
