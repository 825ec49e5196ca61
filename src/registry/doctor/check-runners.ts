import fs from "node:fs";
import { join } from "node:path";
import { environment } from "../../settings/config.ts";
import { type Finding, warn } from "./finding.ts";

/** A GitHub runner that runs on this machine. */
export type Runner = {
  readonly pid: number;
  readonly uid: number;
  /** Undefined if it is another user's and cannot be read. */
  readonly environment: ReadonlyMap<string, string> | undefined;
  /** The user's home directory, from the system's list of users. */
  readonly home: string | undefined;
};

/** Finds GitHub runners of this machine that use another registry than the one checked here. */
export function checkRunners(registryPath: string, runners: readonly Runner[] = findRunners()): readonly Finding[] {
  return runners.flatMap((runner) => {
    const other = registryOf(runner);
    if (other === undefined || other === registryPath) return [];
    return [
      warn(
        "runners",
        `the GitHub runner with process ${runner.pid} (user ${runner.uid}) uses another registry, ${other}`,
        `add IRIS_PORT_REGISTRY=${registryPath} to the .env file in the runner's directory, and restart the runner`,
      ),
    ];
  });
}

function registryOf({ environment, home }: Runner): string | undefined {
  const own = environment?.get("IRIS_PORT_REGISTRY");
  if (own) return own;
  const directory = environment?.get("HOME") ?? home;
  return directory === undefined ? undefined : join(directory, ".iris-devtester", "port-registry.json");
}

/** By the name of its process, which the kernel cuts to 15 characters. @see proc_pid_comm(5) */
function findRunners(): readonly Runner[] {
  if (process.platform !== "linux") return [];
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/comm`)?.trim() === "Runner.Listener")
    .map((name) => {
      const uid = fs.statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid ?? -1;
      return { pid: Number(name), uid, environment: environmentOf(read(`/proc/${name}/environ`)), home: homeOf(uid) };
    });
}

function environmentOf(text: string | undefined): ReadonlyMap<string, string> | undefined {
  if (text === undefined || text === "") return undefined;
  return new Map(text.split("\0").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function homeOf(uid: number): string | undefined {
  if (uid === process.getuid?.()) return environment().home;
  const line = (read("/etc/passwd") ?? "").split("\n").find((user) => user.split(":")[2] === String(uid));
  return line?.split(":")[5];
}

function read(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    // The process has ended, or belongs to another user: its environment is unknown.
    return undefined;
  }
}
