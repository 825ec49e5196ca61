import fs from "node:fs";
import createDebug from "debug";

const debug = createDebug("iris-ports:port-owner");
/** proc(5): the state column of /proc/net/tcp for a listening socket. */
const LISTEN = "0A";

/**
 * Who listens on a port of this host, for messages: `process 4711 (node)` where the system tells this user, otherwise
 * `a process of this host`. Linux only.
 */
export function listenerName(port: number): string {
  try {
    const inodes = new Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningInodes(table, port)));
    const pid = inodes.size === 0 ? undefined : pidOfSocket(inodes);
    if (pid !== undefined) return `process ${pid} (${fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim()})`;
  } catch (cause) {
    debug("who listens on %d cannot be told: %o", port, cause);
  }
  return "a process of this host";
}

function listeningInodes(table: string, port: number): string[] {
  if (!fs.existsSync(table)) return [];
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = fs.readFileSync(table, "latin1").trim().split("\n").slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === LISTEN)
    .map((columns) => columns[9] ?? "");
}

function pidOfSocket(inodes: ReadonlySet<string>): string | undefined {
  const pids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.find((pid) => descriptors(pid).some((link) => inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? "-")));
}

/** What a process has open; nothing where it is another user's or has just ended. */
function descriptors(pid: string): string[] {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => linkText(`/proc/${pid}/fd/${fd}`));
  } catch (cause) {
    debug("the descriptors of %s cannot be read: %o", pid, cause);
    return [];
  }
}

function linkText(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch (cause) {
    debug("%s is gone: %o", path, cause);
    return "";
  }
}
