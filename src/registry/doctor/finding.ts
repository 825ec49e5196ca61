/** What one check of a registry found. */
export type Finding = {
  /** What was looked at, in a word. */
  readonly check: string;
  /** `fail`: something does not work, or others may tamper with it. `warn`: it works, but not as it should. */
  readonly verdict: "ok" | "warn" | "fail";
  /** What was found, in one line. */
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

/** As a POSIX shell takes it for one word. */
export function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/** `1 thing`, `2 things`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** What puts right nearly everything that is wrong with a registry's files. */
export const REPAIR = "iris-ports doctor --repair";
