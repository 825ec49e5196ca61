/** Shows a warning, and the code for programs. */
type Show = (message: string, code: string | undefined) => void;

/** Node prints it on standard error, and programs can listen for it: `process.on("warning", ...)`. */
let show: Show = (message, code) =>
  process.emitWarning(message, { type: "IrisPortsWarning", ...(code !== undefined && { code }) });

/** Reports a problem that does not make a call fail. */
export function warn(message: string, code?: string): void {
  show(message, code);
}

/** Replaces how this process shows warnings, as the command line and the action do. */
export function showWarnings(by: Show): void {
  show = by;
}
