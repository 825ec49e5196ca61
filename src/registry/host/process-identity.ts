import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import { promisify } from "node:util";
import createDebug from "debug";
import { osCode } from "../../errors/os-code.ts";
import type { ProcessIdentity } from "../holder.ts";
import { currentThread, linuxStartTime } from "./linux-processes.ts";
import { UNKNOWN } from "./start-time.ts";
import { windowsStartTime } from "./windows-processes.ts";

const debug = createDebug("iris-ports:liveness");
const run = promisify(execFile);

/** Identifies one pid namespace in one boot of one machine. */
type Machine = Pick<ProcessIdentity, "host" | "bootId" | "pidNamespace">;

let machine: Machine | undefined;
let self: ProcessIdentity | undefined;

/** The identity of this process and, outside its main thread, of the thread; always the same object. */
export async function currentProcess(): Promise<ProcessIdentity> {
  if (self !== undefined) return self;
  const thread = process.platform === "linux" ? currentThread() : undefined;
  const identity = { ...(await identifyProcess(process.pid)), ...(thread === undefined ? {} : { thread }) };
  if (machine !== undefined && identity.startTime !== UNKNOWN) self = identity;
  return identity;
}

/** The identity of a process of this host; `startTime` is `unknown` if it has ended or the system does not tell. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity> {
  return { ...(await currentMachine()), pid, startTime: await startTimeOf(pid) };
}

/** The identity of this machine in its present boot. After a failure it is read again next time. */
export async function currentMachine(): Promise<Machine> {
  if (machine !== undefined) return machine;
  const { isComplete, ...read } = await readMachine();
  if (isComplete) machine = read;
  return read;
}

/**
 * When a process started: on Linux in clock ticks since the boot (proc_pid_stat(5), field 22), elsewhere to the second,
 * as the system's own tool prints it. `unknown` if the system does not tell.
 */
export async function startTimeOf(pid: number): Promise<string> {
  try {
    if (process.platform === "linux") return linuxStartTime(pid);
    if (process.platform === "win32") return (await windowsStartTime(pid)) ?? UNKNOWN;
    // A fixed locale and time zone, because the printed text is compared between processes.
    return (
      (await run("env", ["LC_ALL=C", "TZ=UTC0", "ps", "-o", "lstart=", "-p", String(pid)])).stdout.trim() || UNKNOWN
    );
  } catch (cause) {
    debug("the start time of process %d is unknown: %o", pid, cause);
    return UNKNOWN;
  }
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

/** The machine's id on macOS, where the host name changes with the network. */
async function hardwareId(): Promise<string | undefined> {
  if (process.platform !== "darwin") return undefined;
  try {
    const { stdout } = await run("ioreg", ["-rd1", "-c", "IOPlatformExpertDevice"]);
    const id = /"IOPlatformUUID" = "([^"]+)"/.exec(stdout)?.[1];
    return id && digest(id);
  } catch (cause) {
    debug("the machine id is unknown: %o", cause);
    return undefined;
  }
}

// machine-id(5) asks applications to show a digest of their own instead of the id.
function digest(id: string): string {
  return createHash("sha256").update(`iris-ports:${id}`).digest("hex").slice(0, 16);
}

async function bootIdElsewhere(): Promise<string> {
  if (process.platform !== "darwin") return UNKNOWN;
  try {
    return (await run("sysctl", ["-n", "kern.bootsessionuuid"])).stdout.trim() || UNKNOWN;
  } catch (cause) {
    debug("the boot id is unknown: %o", cause);
    return UNKNOWN;
  }
}

function readLine(path: string): ReadText {
  return readText(() => fs.readFileSync(path, "utf8").trim() || undefined);
}

/** `isCertain`: the file was read, or does not exist; after any other failure, a later attempt may succeed. */
type ReadText = { readonly text: string | undefined; readonly isCertain: boolean };

function readText(read: () => string | undefined): ReadText {
  try {
    return { text: read(), isCertain: true };
  } catch (cause) {
    debug("%o", cause);
    return { text: undefined, isCertain: ["ENOENT", "EACCES", "EPERM"].includes(osCode(cause)) };
  }
}
