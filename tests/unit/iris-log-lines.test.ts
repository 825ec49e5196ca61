import { describe, expect, test } from "vitest";
import { ACTION_ADVICE } from "../../action/advice.ts";
import { diagnoseLog, READY_LINE } from "../../src/iris/log-lines.ts";
import { advised, LIBRARY_ADVICE } from "../../src/lifecycle/advice.ts";

const START = "[INFO] Starting InterSystems IRIS instance IRIS...\n";
const READY = "[INFO] ...started InterSystems IRIS instance IRIS\n";
const LOGONS = "11/23/26-08:30:00:000 (465) 0 [Utility.Event] Enabling logons\n";
const LICENSE =
  "11/23/26-08:30:00:000 (7) 2 [x] Error: Invalid Community Edition license, may have exceeded core limit.\n";

describe("the log of a start", () => {
  test("is ready at the line that says so, not when logons are enabled", () => {
    expect(READY_LINE.test(START + LOGONS)).toBe(false);
    expect(READY_LINE.test(START + LOGONS + READY)).toBe(true);
  });

  test("without a failure has no diagnosis", () => {
    expect(diagnoseLog("")).toBeUndefined();
    expect(diagnoseLog(START + LOGONS + READY)).toBeUndefined();
    expect(diagnoseLog(`${START}[ERROR] something passing\n${READY}`)).toBeUndefined();
  });

  test("with the expired licence names the image's age and the cores", () => {
    const diagnosis = diagnoseLog(START + LICENSE);
    expect(diagnosis?.what).toContain('"Invalid Community Edition license, may have exceeded core limit"');
    expect(diagnosis?.remedy).toMatch(/150 days.*docker pull .*iris-community:latest-em/);
  });

  test.each([
    ["library", LIBRARY_ADVICE, "start it with `npx iris-ports up --container-option=--cpuset-cpus=0-19`"],
    ["action", ACTION_ADVICE, "limit the container with `container-options: --cpuset-cpus=0-19`"],
  ])("with the expired licence advises users of the %s in their own terms", (_, advice, words) => {
    expect(advised(diagnoseLog(START + LICENSE), advice)?.remedy).toContain(
      `on a host with more than 20 cores, ${words}`,
    );
    expect(advised(diagnoseLog("[FATAL] No luck"), advice)?.remedy).not.toContain("cores");
  });

  test.each([
    ["[ERROR] mkdir: cannot create directory '/dur': Permission denied", /uid 51773/],
    ["[ERROR] sh: echo: I/O error", /docker system df/],
    ["[ERROR] Linux capability CAP_SETUID is missing", /--check-caps false/],
    ["[ERROR] License key does not match", /licence key/],
    ["[ERROR] shmget failed: Cannot allocate memory", /globals=0,0,256/],
    ["[ERROR] Startup aborted", /last lines of its log/],
  ])("that gives up after %j says what to do", (line, remedy) => {
    const diagnosis = diagnoseLog(`${START}${line}\n[FATAL] Error starting InterSystems IRIS\n`);
    expect(diagnosis?.what).toMatch(/^IRIS failed to start: "Error starting InterSystems IRIS" \(/);
    expect(diagnosis?.what).toContain(line.replace("[ERROR] ", ""));
    expect(diagnosis?.remedy).toMatch(remedy);
  });

  test("of a container that was started again counts from its last start", () => {
    expect(diagnoseLog(`${START}[FATAL] Error starting InterSystems IRIS\n${START}${READY}`)).toBeUndefined();
    expect(diagnoseLog(`${START}${READY}${START}[FATAL] No luck\n`)?.what).toBe('IRIS failed to start: "No luck".');
  });

  test("may have Windows line ends or miss its first line", () => {
    expect(diagnoseLog("[FATAL] No luck\r\n")?.what).toBe('IRIS failed to start: "No luck".');
  });
});
