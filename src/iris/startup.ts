import { diagnoseLog, type LogDiagnosis, READY_LINE, START_LINE } from "./log-lines.ts";
import { parseSetupOutput, type SetupFailure } from "./setup-output.ts";

/** An observation of an IRIS that is starting. */
export type StartupEvent =
  | { readonly kind: "log"; readonly line: string }
  /** The log has come to its end, or cannot be read. */
  | { readonly kind: "log-ended"; readonly isRunning: boolean }
  /** What a session printed; see `session-scripts.ts`. */
  | { readonly kind: "session"; readonly output: string }
  /** There is no `iris` command in the container. */
  | { readonly kind: "no-iris" };

/** The next thing to do, or the result. */
export type StartupStep =
  | { readonly kind: "read-log" }
  | { readonly kind: "run-session" }
  | { readonly kind: "ready" }
  /** Without a diagnosis the container ended and its log does not say why. */
  | { readonly kind: "failed"; readonly diagnosis: LogDiagnosis | undefined }
  | { readonly kind: "refused"; readonly refusals: readonly SetupFailure[] }
  | { readonly kind: "no-iris" };

/** The progress of an IRIS's start. */
export type Startup = {
  readonly next: StartupStep;
  /** What is missing, for the message of a time-out. */
  readonly missing: string;
  /** The lines so far are of this start, and not of an earlier one. */
  readonly isThisRun: boolean;
  /** The lines of this start that may explain a failure. */
  readonly complaints: readonly string[];
};

/**
 * The beginning of a start.
 * @param isLogAwaited - false if sessions can be tried without waiting for the log
 * @param hasRunBefore - true if the log may begin with the last lines of an earlier run, written after that run's end
 */
export function beginStartup({
  isLogAwaited,
  hasRunBefore,
}: {
  isLogAwaited: boolean;
  hasRunBefore: boolean;
}): Startup {
  const begun = { next: { kind: "read-log" }, missing: "its log does not say that it started" } as const;
  return { ...(isLogAwaited ? begun : SESSION), isThisRun: !hasRunBefore, complaints: [] };
}

const SESSION = { next: { kind: "run-session" }, missing: "no session has answered" } as const;
const KEPT_COMPLAINTS = 100;

/**
 * The state of a start after an event. IRIS is ready when its log says so, it accepts a session, and it has run the
 * session's script: the port opens long before that, and the image's health check runs once a minute.
 */
export function advanceStartup(startup: Startup, event: StartupEvent): Startup {
  if (startup.next.kind !== "read-log" && startup.next.kind !== "run-session") return startup;
  switch (event.kind) {
    case "log":
      return afterLine(startup, event.line);
    case "log-ended":
      if (!event.isRunning) return failed(startup, diagnoseLog(startup.complaints.join("\n")));
      // The logs of some logging drivers cannot be read; then only the session shows whether IRIS is ready.
      return startup.next.kind === "read-log" ? { ...startup, ...SESSION } : startup;
    case "session":
      return afterSession(startup, event.output);
    case "no-iris":
      return { ...startup, next: { kind: "no-iris" } };
  }
}

function afterLine(startup: Startup, line: string): Startup {
  const isStart = line.includes(START_LINE);
  if (!startup.isThisRun && !isStart) return startup;
  const isComplaint = /\[(ERROR|FATAL)\]|license/i.test(line);
  const before = isStart ? [] : startup.complaints;
  const complaints = isComplaint ? [...before, line].slice(-KEPT_COMPLAINTS) : before;
  const now = { ...startup, isThisRun: true, complaints };
  const diagnosis = isComplaint ? diagnoseLog(complaints.join("\n")) : undefined;
  if (diagnosis !== undefined) return failed(now, diagnosis);
  return READY_LINE.test(line) && now.next.kind === "read-log" ? { ...now, ...SESSION } : now;
}

function afterSession(startup: Startup, output: string): Startup {
  const { isOk, failed: refusals, words } = parseSetupOutput(output);
  if (isOk) return { ...startup, next: { kind: "ready" } };
  if (refusals.length > 0) return { ...startup, next: { kind: "refused", refusals } };
  return words === undefined ? startup : { ...startup, missing: `a session says ${words}` };
}

function failed(startup: Startup, diagnosis: LogDiagnosis | undefined): Startup {
  return { ...startup, next: { kind: "failed", diagnosis } };
}
