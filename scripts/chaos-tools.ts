import { existsSync } from "node:fs";
import { runCommand } from "./run-command.ts";

/** Debian's own comes first: another python3 on PATH does not find Debian's packages. */
const PYTHONS = ["/usr/bin/python3", "python3"];

/** A python3 that has filelock, installed where that is ours to do; undefined where there is none. */
export async function ensureFileLock(): Promise<string | undefined> {
  return (await pythonWithFileLock()) ?? ((await install("python3-filelock")) ? pythonWithFileLock() : undefined);
}

async function pythonWithFileLock(): Promise<string | undefined> {
  for (const python of PYTHONS) if (await works(python, "-c", "import filelock")) return python;
  return undefined;
}

/** Whether podman can be used, installed where that is ours to do. */
export async function ensurePodman(): Promise<boolean> {
  return (await works("podman", "info")) || ((await install("podman")) && works("podman", "info"));
}

async function works(command: string, ...args: string[]): Promise<boolean> {
  return (await runCommand(command, args)).exitCode === 0;
}

/** Only as root on Debian and its kin, and saying so. */
async function install(name: string): Promise<boolean> {
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return false;
  process.stderr.write(`iris-ports: installing ${name} with apt-get, for the tests.\n`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const options = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"];
  const apt = async (...args: string[]) => (await runCommand("apt-get", [...options, ...args], { env })).exitCode === 0;
  const attempt = () => apt("install", "-y", "--no-install-recommends", name);
  return (await attempt()) || ((await apt("update")) && attempt());
}
