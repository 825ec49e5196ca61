import { describe, expect, test } from "vitest";
import { advanceStartup, beginStartup, type Startup, type StartupEvent } from "../../src/iris/startup.ts";

const START = "[INFO] Starting InterSystems IRIS instance IRIS...";
const READY = "[INFO] ...started InterSystems IRIS instance IRIS";
const ANSWER = "\nIRISPORTS:ping:OK\n\nIRISPORTS:passwords:OK\n\nIRISPORTS:end:OK\n";

function seen(startup: Startup, ...events: readonly StartupEvent[]): Startup {
  return events.reduce(advanceStartup, startup);
}

const line = (text: string): StartupEvent => ({ kind: "log", line: text });
const session = (output: string): StartupEvent => ({ kind: "session", output });
const begun = beginStartup({ isLogAwaited: true, hasRunBefore: false });

describe("the start of an IRIS", () => {
  test("reads the log until it says that IRIS has started, then tries sessions until one answers", () => {
    expect(begun.next.kind).toBe("read-log");
    const started = seen(begun, line(START), line("Enabling logons"), line(READY));
    expect(started.next.kind).toBe("run-session");
    const refused = seen(started, session("Sign-on inhibited: Startup or Installation in progress"));
    expect(refused).toMatchObject({
      next: { kind: "run-session" },
      missing: expect.stringContaining("Sign-on inhibited"),
    });
    expect(seen(refused, session(ANSWER)).next.kind).toBe("ready");
  });

  test("tries sessions at once if another strategy has waited", () => {
    const waited = beginStartup({ isLogAwaited: false, hasRunBefore: false });
    expect(waited.next.kind).toBe("run-session");
    expect(seen(waited, session(ANSWER)).next.kind).toBe("ready");
  });

  test("relies on the session if the log cannot be read", () => {
    expect(seen(begun, { kind: "log-ended", isRunning: true }).next.kind).toBe("run-session");
  });

  test("fails when the container ends, whether or not its log says why", () => {
    const ended: StartupEvent = { kind: "log-ended", isRunning: false };
    expect(seen(begun, line(START), ended).next).toEqual({ kind: "failed", diagnosis: undefined });
    expect(seen(begun, line(START), line(READY), ended).next.kind).toBe("failed");
  });

  test("fails at the first fatal line, also while a session is tried", () => {
    for (const before of [[line(START)], [line(START), line(READY)]]) {
      const { next } = seen(begun, ...before, line("[ERROR] No space left on device"), line("[FATAL] It is over"));
      expect(next).toMatchObject({ kind: "failed", diagnosis: { what: expect.stringContaining("It is over") } });
    }
  });

  test("skips what an earlier run has left in the log", () => {
    const again = beginStartup({ isLogAwaited: true, hasRunBefore: true });
    const old = seen(again, line("[FATAL] of the run before"), line(READY));
    expect(old.next.kind).toBe("read-log");
    expect(seen(old, line(START), line(READY)).next.kind).toBe("run-session");
  });

  test("ends with what IRIS refuses to set up, and without IRIS in the container", () => {
    const started = seen(begun, line(READY));
    const words = "IRISPORTS:ping:OK\nIRISPORTS:user:ERR:ERROR #845: too short\nIRISPORTS:end:OK\n";
    expect(seen(started, session(words)).next).toEqual({
      kind: "refused",
      refusals: [{ step: "user", words: "ERROR #845: too short" }],
    });
    expect(seen(begun, { kind: "no-iris" }).next.kind).toBe("no-iris");
  });

  test("keeps its result, whatever is observed later", () => {
    const ready = seen(begun, line(READY), session(ANSWER));
    expect(seen(ready, line("[FATAL] later"), { kind: "log-ended", isRunning: false })).toBe(ready);
  });
});
