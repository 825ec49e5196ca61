import { commandText } from "../../settings/command-text.ts";

/** The result of one check. */
export type Finding = {
  /** What was checked, in one or two words. */
  readonly check: string;
  /** `fail`: something does not work, or other users may tamper with it. `warn`: it works, but needs attention. */
  readonly verdict: "ok" | "warn" | "fail";
  /** The finding, in one line. */
  readonly text: string;
  /** How to fix it, naming real commands. */
  readonly remedy?: string;
};

export function ok(check: string, text: string): Finding {
  return { check, verdict: "ok", text };
}

export function warn(check: string, text: string, remedy: string): Finding {
  return { check, verdict: "warn", text, remedy };
}

export function fail(check: string, text: string, remedy: string): Finding {
  return { check, verdict: "fail", text, remedy };
}

/** `1 thing`, `2 things`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The command that fixes most problems of a registry's files. */
export function repairCommand(registryPath: string): string {
  return commandText(["doctor", "--repair"], registryPath);
}
