import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { isMainThread } from "node:worker_threads";
import createDebug from "debug";
import { osCode } from "../../stores/safe-file.ts";
import type { ProcessIdentity } from "../holder.ts";
import { currentThread, linuxStartTime } from "./linux-processes.ts";

const debug = createDebug("iris-ports:liveness");
const run = promisify(execFile);

export const UNKNOWN = "unknown";
/** Instead of a start time: the process has ended, only its parent has not asked for its exit code yet. */
export const ENDED = "ended";

/** What tells one boot of one machine, and one pid namespace of it, from another. */
type Machine = Pick<ProcessIdentity, "host" | "bootId" | "pidNamespace">;

let machine: Machine | undefined;
let self: ProcessIdentity | undefined;

/** This process, and within it the thread where that is not the main one; the same object every time. */
export async function currentProcess(): Promise<ProcessIdentity> {
  if (self !== undefined) return self;
  const thread = isMainThread || process.platform !== "linux" ? undefined : currentThread();
  const identity = { ...(await identifyProcess(process.pid)), ...(thread === undefined ? {} : { thread }) };
  if (machine !== undefined && identity.startTime !== UNKNOWN) self = identity;
  return identity;
}

/** A process of this host, as it is now; `startTime` is `unknown` where it has ended or the system does not tell. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity> {
  return { ...(await currentMachine()), pid, startTime: await startTimeOf(pid) };
}

/** This machine in its present boot. What could not be read is read again next time: it may have failed for a moment. */
export async function currentMachine(): Promise<Machine> {
  if (machine !== undefined) return machine;
  const { isComplete, ...read } = await readMachine();
  if (isComplete) machine = read;
  return read;
}

/**
 * When a process started: on Linux clock ticks after the boot (proc_pid_stat(5), field 22), elsewhere the second, as
 * the system's own tool prints it. `unknown` where it cannot be told.
 */
export async function startTimeOf(pid: number): Promise<string> {
  try {
    if (process.platform === "linux") return linuxStartTime(pid, UNKNOWN, ENDED);
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

async function windowsStartTime(pid: number): Promise<string> {
  const script = `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString('s')`;
  const { stdout } = await run("powershell.exe", ["-NoProfile", "-NonInteractive", "-Command", script], {
    windowsHide: true,
  });
  return stdout.trim() || UNKNOWN;
}

async function readMachine(): Promise<Machine & { readonly isComplete: boolean }> {
  if (process.platform === "linux") {
    const id = readLine("/etc/machine-id");
    const bootId = readLine("/proc/sys/kernel/random/boot_id");
    const pidNamespace = readText(() => fs.readlinkSync("/proc/self/ns/pid"));
    return {
      host: id.text === undefined ? hostname() : digest(id.text),
      bootId: bootId.text ?? UNKNOWN,
      pidNamespace: pidNamespace.text ?? UNKNOWN,
      isComplete: id.isCertain && bootId.isCertain && pidNamespace.isCertain,
    };
  }
  const host = (await hardwareId()) ?? hostname();
  return { host, bootId: await bootIdElsewhere(), pidNamespace: process.platform, isComplete: true };
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

function readLine(path: string): ReadText {
  return readText(() => fs.readFileSync(path, "utf8").trim() || undefined);
}

/** `isCertain`: it was read, or is not there; a failure of another kind may pass. */
type ReadText = { readonly text: string | undefined; readonly isCertain: boolean };

function readText(read: () => string | undefined): ReadText {
  try {
    return { text: read(), isCertain: true };
  } catch (cause) {
    debug("%o", cause);
    return { text: undefined, isCertain: ["ENOENT", "EACCES", "EPERM"].includes(osCode(cause)) };
  }
}
