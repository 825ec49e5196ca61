import { aptInstall, isDebianRoot, isOnPath, say } from "./debian-packages.ts";

type Program = { readonly command: string; readonly debianPackage: string };

/** The programs that the tests run beside iris-ports, by the Debian package that has them. */
const PEERS: readonly Program[] = [
  { command: "redis-server", debianPackage: "redis-server" },
  { command: "docker-compose", debianPackage: "docker-compose" },
];

/** The shells whose completion is tested; the tests skip those that are missing. */
const SHELLS: readonly Program[] = [
  { command: "zsh", debianPackage: "zsh" },
  { command: "fish", debianPackage: "fish" },
];

/**
 * Makes sure that the real peers of the tests are installed: as root on Debian or Ubuntu they are installed, elsewhere
 * they must be installed already.
 * @throws Error which names the packages
 */
export async function ensurePeers(programs: readonly Program[] = PEERS): Promise<void> {
  const missing = programs.filter(({ command }) => !isOnPath(command)).map(({ debianPackage }) => debianPackage);
  if (missing.length === 0) return;
  if (isDebianRoot()) {
    say(`Installing ${missing.join(", ")} with apt-get, for the tests.`);
    if (await aptInstall(missing)) return;
  }
  throw new Error(
    `The tests need ${missing.join(" and ")}. On Debian or Ubuntu: sudo apt-get install ${missing.join(" ")}`,
  );
}

if (import.meta.main) {
  try {
    await ensurePeers([...PEERS, ...SHELLS]);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
