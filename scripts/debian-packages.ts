import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runCommand } from "./run-command.ts";

/** In a shell of `su` without `-`, the PATH lacks the directories of dockerd and iptables. */
export const SYSTEM_PATH = [process.env.PATH ?? "", "/usr/sbin", "/sbin"].join(delimiter);

/** Installs packages without their recommended ones; false if that failed. */
export async function aptInstall(packages: readonly string[]): Promise<boolean> {
  if (!(await hasUpdated())) say("apt-get update failed; trying with the package lists that are here.");
  return (await apt("install", "-y", "--no-install-recommends", ...packages)) === 0;
}

let updated: Promise<boolean> | undefined;

function hasUpdated(): Promise<boolean> {
  updated ??= apt("update").then((exitCode) => exitCode === 0);
  return updated;
}

async function apt(...args: readonly string[]): Promise<number> {
  const options = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300"];
  const env = { DEBIAN_FRONTEND: "noninteractive", PATH: SYSTEM_PATH };
  return (await runCommand("apt-get", [...options, ...args], { isShown: true, env })).exitCode;
}

export function isOnPath(command: string): boolean {
  return SYSTEM_PATH.split(delimiter).some((directory) => existsSync(join(directory, command)));
}

/** True if packages may be installed: as root on Debian or Ubuntu. */
export function isDebianRoot(): boolean {
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return process.getuid?.() === 0 && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && isOnPath("apt-get");
}

/** Says on stderr what is done to the machine. */
export function say(message: string): void {
  process.stderr.write(`iris-ports: ${message}\n`);
}
