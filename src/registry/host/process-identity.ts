import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { promisify } from "node:util";
import createDebug from "debug";
import type { ProcessIdentity } from "../holder.ts";

const debug = createDebug("iris-ports:liveness");
const run = promisify(execFile);

export const UNKNOWN = "unknown";
/** Instead of a start time: the process has ended, only its parent has not asked for its exit code yet. */
export const ENDED = "ended";

/** What tells one boot of one machine, and one pid namespace of it, from another. */
type Machine = Pick<ProcessIdentity, "host" | "bootId" | "pidNamespace">;

let machine: Promise<Machine> | undefined;
let self: Promise<ProcessIdentity> | undefined;

/** This process; the same object every time. */
export function currentProcess(): Promise<ProcessIdentity> {
  self ??= identifyProcess(process.pid);
  return self;
}

/** A process of this host, as it is now; `startTime` is `unknown` where it has ended or the system does not tell. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity> {
  return { ...(await currentMachine()), pid, startTime: await startTimeOf(pid) };
}

/** This machine in its present boot. */
export function currentMachine(): Promise<Machine> {
  machine ??= readMachine();
  return machine;
}

/**
 * When a process started: on Linux clock ticks after the boot (proc_pid_stat(5), field 22), elsewhere the second, as
 * the system's own tool prints it. `unknown` where it cannot be told.
 */
export async function startTimeOf(pid: number): Promise<string> {
  try {
    if (process.platform === "linux") return linuxStartTime(pid);
    if (process.platform === "win32") return await windowsStartTime(pid);
    // The same locale and time zone for every asker: the text is compared, not understood.
    return (
      (await run("env", ["LC_ALL=C", "TZ=UTC0", "ps", "-o", "lstart=", "-p", String(pid)])).stdout.trim() || UNKNOWN
    );
  } catch (cause) {
    debug("the start time of process %d cannot be told: %o", pid, cause);
    return UNKNOWN;
  }
}

function linuxStartTime(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  // The command's name stands in parentheses and may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return ENDED;
  return fields[19] ?? UNKNOWN;
}

async function windowsStartTime(pid: number): Promise<string> {
  const script = `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString('s')`;
  const { stdout } = await run("powershell.exe", ["-NoProfile", "-NonInteractive", "-Command", script], {
    windowsHide: true,
  });
  return stdout.trim() || UNKNOWN;
}

async function readMachine(): Promise<Machine> {
  if (process.platform === "linux") {
    return {
      host: machineId() ?? hostname(),
      bootId: readLine("/proc/sys/kernel/random/boot_id") ?? UNKNOWN,
      pidNamespace: readLinkText("/proc/self/ns/pid") ?? UNKNOWN,
    };
  }
  const host = (await hardwareId()) ?? hostname();
  return { host, bootId: await bootIdElsewhere(), pidNamespace: process.platform };
}

function machineId(): string | undefined {
  const id = readLine("/etc/machine-id");
  return id && digest(id);
}

/** On macOS, where the host name changes with the network. */
async function hardwareId(): Promise<string | undefined> {
  if (process.platform !== "darwin") return undefined;
  try {
    const { stdout } = await run("ioreg", ["-rd1", "-c", "IOPlatformExpertDevice"]);
    const id = /"IOPlatformUUID" = "([^"]+)"/.exec(stdout)?.[1];
    return id && digest(id);
  } catch (cause) {
    debug("the machine cannot be told: %o", cause);
    return undefined;
  }
}

// machine-id(5) asks not to show the id itself, but a digest of the application's own.
function digest(id: string): string {
  return createHash("sha256").update(`iris-ports:${id}`).digest("hex").slice(0, 16);
}

async function bootIdElsewhere(): Promise<string> {
  if (process.platform !== "darwin") return UNKNOWN;
  try {
    return (await run("sysctl", ["-n", "kern.bootsessionuuid"])).stdout.trim() || UNKNOWN;
  } catch (cause) {
    debug("the boot cannot be told: %o", cause);
    return UNKNOWN;
  }
}

function readLine(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8").trim() || undefined;
  } catch (cause) {
    debug("%s cannot be read: %o", path, cause);
    return undefined;
  }
}

function readLinkText(path: string): string | undefined {
  try {
    return fs.readlinkSync(path);
  } catch (cause) {
    debug("%s cannot be read: %o", path, cause);
    return undefined;
  }
}
