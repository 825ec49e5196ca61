import { describe, expect, onTestFinished, test, vi } from "vitest";
import { checkRunners } from "../../src/registry/doctor/check-runners.ts";
import { showProc, systemError } from "../helpers/recorded-proc.ts";

const OTHER_UID = 64_321;
const REGISTRY = "/srv/ports/port-registry.json";
const environ = (variables: Record<string, string>) =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\0`)
    .join("");

/** A runner's process beside others, as /proc shows it to this user. */
function runner(uid: number, environment: string | NodeJS.ErrnoException) {
  return {
    "/proc": "self 300 301 302 meminfo",
    "/proc/300/comm": "node\n",
    "/proc/302": String(uid),
    "/proc/302/comm": "Runner.Listener\n",
    "/proc/302/environ": environment,
    "/etc/passwd": `root:x:0:0:root:/root:/bin/sh\nci:x:${OTHER_UID}:64321::/srv/ci:/bin/sh\n`,
  };
}

function registriesOf(recorded: Parameters<typeof showProc>[0]): readonly string[] {
  showProc(recorded);
  return checkRunners(REGISTRY).map(({ text }) => text.replace(/^.* uses another registry, /, ""));
}

describe.skipIf(process.platform !== "linux")("doctor finds the registry of a GitHub runner of this machine", () => {
  const own = process.getuid?.() ?? 0;

  test("in its environment", () => {
    const environment = environ({ HOME: "/home/ci", IRIS_PORT_REGISTRY: "/elsewhere/r.json" });
    expect(registriesOf(runner(own, environment))).toEqual(["/elsewhere/r.json"]);
    expect(registriesOf(runner(own, environ({ IRIS_PORT_REGISTRY: REGISTRY })))).toEqual([]);
  });

  test("by the home directory of its environment, and without one by its user's", () => {
    expect(registriesOf(runner(own, environ({ HOME: "/home/ci" })))).toEqual([
      "/home/ci/.iris-devtester/port-registry.json",
    ]);
    vi.stubEnv("HOME", "/home/here");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(registriesOf(runner(own, environ({})))).toEqual(["/home/here/.iris-devtester/port-registry.json"]);
  });

  test("by its user's home directory, if it belongs to another user", () => {
    const unreadable = runner(OTHER_UID, systemError("EACCES"));
    expect(registriesOf(unreadable)).toEqual(["/srv/ci/.iris-devtester/port-registry.json"]);
    showProc(unreadable);
    expect(checkRunners(REGISTRY)[0]?.text).toContain(`the GitHub runner with process 302 (user ${OTHER_UID})`);
  });

  test("not at all, if it has ended meanwhile", () => {
    const { "/proc/302": _, "/proc/302/environ": __, ...ended } = runner(own, "");
    expect(registriesOf(ended)).toEqual([]);
  });

  test("not at all, if the list of users does not have its user or cannot be read", () => {
    const { "/etc/passwd": _, ...unlisted } = runner(OTHER_UID, systemError("EACCES"));
    expect(registriesOf({ ...unlisted, "/etc/passwd": systemError("EACCES") })).toEqual([]);
    expect(registriesOf({ ...unlisted, "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n" })).toEqual([]);
  });
});
