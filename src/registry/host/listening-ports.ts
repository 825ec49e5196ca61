import fs from "node:fs";
import { basename } from "node:path";
import createDebug from "debug";

const debug = createDebug("iris-ports:port-owner");
/** proc(5): the state column of /proc/net/tcp for a listening socket. */
const LISTEN = "0A";
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/**
 * The process that listens on a port of this host, for messages: `process 4711 (node)` if the system tells this user,
 * otherwise `a process of this host`. Linux only.
 */
export function listenerName(port: number): string {
  try {
    const inodes = new Set(TABLES.flatMap((table) => listeningInodes(table, port)));
    const pid = inodes.size === 0 ? undefined : pidOfSocket(inodes);
    if (pid !== undefined) return `process ${pid} (${programOf(pid)})`;
  } catch (cause) {
    debug("the listener on %d is unknown: %o", port, cause);
  }
  return "a process of this host";
}

/**
 * The ports of this host with a listener, read from the system. Binding them instead would look like a listener to other
 * probes. Undefined if the system does not tell.
 */
export function listeningPorts(): ReadonlySet<number> | undefined {
  try {
    const rows = TABLES.flatMap(rowsOf).filter((columns) => columns[3] === LISTEN);
    return process.platform === "linux" ? new Set(rows.map(([, local = ""]) => portOf(local))) : undefined;
  } catch (cause) {
    debug("the listening ports are unknown: %o", cause);
    return undefined;
  }
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);
}

function rowsOf(table: string): string[][] {
  if (!fs.existsSync(table)) return [];
  const rows = fs.readFileSync(table, "latin1").trim().split("\n").slice(1);
  return rows.map((row) => row.trim().split(/\s+/));
}

function listeningInodes(table: string, port: number): string[] {
  return rowsOf(table)
    .filter(([, local = "", , state]) => portOf(local) === port && state === LISTEN)
    .map((columns) => columns[9] ?? "");
}

function pidOfSocket(inodes: ReadonlySet<string>): string | undefined {
  const pids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.find((pid) => descriptors(pid).some((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? "-")));
}

/** The open descriptors of a process; empty if it is another user's or has just ended. */
function descriptors(pid: string): string[] {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => linkText(`/proc/${pid}/fd/${fd}`));
  } catch (cause) {
    debug("the descriptors of %s cannot be read: %o", pid, cause);
    return [];
  }
}

/** The name of the program's file: a process may call itself otherwise, as Node does (`MainThread`). */
function programOf(pid: string): string {
  const file = linkText(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
  return basename(file) || fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}

function linkText(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch (cause) {
    debug("%s is gone: %o", path, cause);
    return "";
  }
}
