import { aptInstall, isDebianRoot, say } from "./debian-packages.ts";
import { runCommand } from "./run-command.ts";

/** Debian's own python3 comes first, because another one on PATH does not find Debian's packages. */
const PYTHONS = ["/usr/bin/python3", "python3"];

/** A python3 with filelock, which is installed if that is permitted; undefined if there is none. */
export async function ensureFileLock(): Promise<string | undefined> {
  return (await pythonWithFileLock()) ?? ((await install("python3-filelock")) ? pythonWithFileLock() : undefined);
}

async function pythonWithFileLock(): Promise<string | undefined> {
  for (const python of PYTHONS) if (await works(python, "-c", "import filelock")) return python;
  return undefined;
}

/** Whether podman can be used; it is installed if that is permitted. */
export async function ensurePodman(): Promise<boolean> {
  return (await works("podman", "info")) || ((await install("podman")) && works("podman", "info"));
}

async function works(command: string, ...args: string[]): Promise<boolean> {
  return (await runCommand(command, args)).exitCode === 0;
}

/** Only as root on Debian or Ubuntu. */
async function install(name: string): Promise<boolean> {
  if (!isDebianRoot()) return false;
  say(`Installing ${name} with apt-get, for the tests.`);
  return aptInstall([name]);
}
