import { dirname } from "node:path";
import { commandText, shellQuoted } from "../../settings/command-text.ts";
import { accessProblem, type FileState, fileState } from "../../stores/file-state.ts";
import { type Finding, fail, warn } from "./finding.ts";

const GROUP_WRITE = 0o020;
const WORLD_WRITE = 0o002;
const STICKY = 0o1000;

/** Finds other users who may change a file or directory of the registry, and whether this user may. */
export function checkPermissions(check: string, file: FileState): readonly Finding[] {
  if (process.platform === "win32" || file.stat === undefined || ["link", "other"].includes(file.kind)) return [];
  const code = accessProblem(file);
  if (code === "EROFS") {
    // A read-only file system: no user can change it, whatever its mode says.
    const remedy = "mount its file system writable, or set IRIS_PORT_REGISTRY to a file elsewhere";
    return [fail(check, `this user may not read and write ${file.path} (${code})`, remedy)];
  }
  return [...checkAccess(check, file, code), ...checkWorld(check, file), ...checkOwner(check, file, file.stat)];
}

/** A user who may rename a parent directory can put another registry in its place. */
export function checkAncestors(check: string, directory: string): readonly Finding[] {
  if (process.platform === "win32") return [];
  const findings: Finding[] = [];
  for (let path = dirname(directory); ; path = dirname(path)) {
    const { stat } = fileState(path);
    if (stat?.isDirectory() && stat.mode & WORLD_WRITE && !(stat.mode & STICKY))
      findings.push(
        fail(check, `every user of this host may replace the content of ${path}`, `chmod o-w ${shellQuoted(path)}`),
      );
    if (path === dirname(path)) return findings;
  }
}

/** A mode to print: `0700`, `2770, shared with group 1001`. */
export function modeText({ stat }: FileState): string {
  if (stat === undefined) return "";
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
  return stat.mode & GROUP_WRITE ? `${mode}, shared with group ${stat.gid}` : mode;
}

function checkAccess(check: string, file: FileState, code: string | undefined): readonly Finding[] {
  if (code === undefined) return [];
  const remedy = `sudo chown "$USER" ${shellQuoted(file.path)}; or join group ${file.stat?.gid}, where it is shared; or set IRIS_PORT_REGISTRY to a file of your own`;
  return [fail(check, `this user may not read and write ${file.path} (${code})`, remedy)];
}

function checkWorld(check: string, { path, kind, stat }: FileState): readonly Finding[] {
  if (stat === undefined || !(stat.mode & WORLD_WRITE)) return [];
  const remedy = `chmod o-w ${shellQuoted(path)}`;
  // As in /tmp: others may add files, but not take ours away.
  if (kind === "directory" && stat.mode & STICKY)
    return [warn(check, `every user of this host may add files to ${path}`, remedy)];
  return [fail(check, `every user of this host may change ${path}`, remedy)];
}

function checkOwner(check: string, { path }: FileState, stat: NonNullable<FileState["stat"]>): readonly Finding[] {
  const self = process.getuid?.();
  const isOurs = stat.uid === self || stat.uid === 0;
  if (self === undefined || isOurs || stat.mode & GROUP_WRITE) return [];
  if (self === 0) {
    const remedy = `run iris-ports as that user: sudo -u '#${stat.uid}' ${commandText(["doctor"])}`;
    return [
      warn(
        check,
        `${path} belongs to user ${stat.uid}, who may not be able to open files that root creates there`,
        remedy,
      ),
    ];
  }
  const remedy = "set IRIS_PORT_REGISTRY to a file of your own, unless you trust that user";
  return [warn(check, `${path} belongs to user ${stat.uid}, who may change it at any time`, remedy)];
}
