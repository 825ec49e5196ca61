import type { SetupStep } from "./session-scripts.ts";

/** A step that IRIS refused, with its message. */
export type SetupFailure = { readonly step: SetupStep; readonly words: string };

/** The results of a session's steps. */
export type SetupResult = {
  /** Every statement was read and none was refused. */
  readonly isOk: boolean;
  /** False while IRIS does not accept sessions; run the script again. */
  readonly isSignedOn: boolean;
  readonly succeeded: readonly SetupStep[];
  readonly failed: readonly SetupFailure[];
  /** Other output of IRIS that is known to contain no secret: errors, a refused sign-on. */
  readonly words: string | undefined;
};

const MARKER = /^IRISPORTS:(ping|passwords|user|namespace|end):(OK|ERR)(?::(.*))?$/;
// Only output of these forms is passed on, because IRIS prints a line that it cannot parse, including the password.
const KNOWN_WORDS = /Sign-on inhibited.*|Access Denied.*|ERROR #\d+:.*|<[A-Z][A-Z ]+>|Instance '\w+' .*/g;

/** Parses the output of a script of `session-scripts.ts`; the exit code of a session does not reflect its steps. */
export function parseSetupOutput(output: string): SetupResult {
  const succeeded: SetupStep[] = [];
  const failed: SetupFailure[] = [];
  const rest: string[] = [];
  for (const line of output.split(/\r\n|\r|\n/)) {
    const [, step, outcome, words] = MARKER.exec(line.trim()) ?? [];
    if (step === undefined) rest.push(...(line.match(KNOWN_WORDS) ?? []));
    else if (outcome === "OK") succeeded.push(step as SetupStep);
    else failed.push({ step: step as SetupStep, words: words?.trim() || "no reason given" });
  }
  return {
    isOk: succeeded.includes("end") && failed.length === 0,
    isSignedOn: succeeded.includes("ping"),
    succeeded: succeeded.filter((step) => step !== "end"),
    failed,
    words: rest.length > 0 ? [...new Set(rest.map((text) => text.trim()))].join("; ") : undefined,
  };
}
