import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ContainerEngineError } from "../src/errors/errors.ts";
import { aptInstall, isDebianRoot, isOnPath, SYSTEM_PATH, say } from "./debian-packages.ts";
import { runCommand } from "./run-command.ts";

const PACKAGES = ["docker.io", "iptables", "busybox-static"];
const START_TIMEOUT_MS = 60_000;

/**
 * Makes sure that a container engine answers, and returns its version: a running engine is used as it is; as root on
 * Debian or Ubuntu, an engine is installed and started if there is none. Says on stderr what it does to the machine.
 * @throws ContainerEngineError with what to do, if it may not or cannot start one
 */
export async function ensureEngine(): Promise<string> {
  const { version, problem } = await askVersion();
  if (version !== undefined) return version;
  await refuseToStart(problem);
  if (!["docker", "dockerd", "iptables", "busybox"].every(isOnPath)) await install();
  return (await askVersion()).version ?? (await start());
}

async function askVersion(): Promise<{ version?: string; problem: string }> {
  const { exitCode, stdout, stderr } = await runCommand("docker", ["version", "--format", "{{.Server.Version}}"]);
  const version = stdout.trim();
  return exitCode === 0 && version !== "" ? { version, problem: "" } : { problem: stderr.trim() };
}

/** Never start a second engine if one is configured, or if one runs but cannot be reached. */
async function refuseToStart(problem: string): Promise<void> {
  const fail = (what: string, remedy: string) => {
    throw new ContainerEngineError({ what, state: problem, remedy });
  };
  const host = process.env.DOCKER_HOST;
  if (host) fail(`The container engine of DOCKER_HOST=${host} does not answer.`, "start it, or unset DOCKER_HOST");
  const context = (await runCommand("docker", ["context", "show"])).stdout.trim();
  if (context !== "" && context !== "default") {
    fail(
      `The container engine of the Docker context "${context}" does not answer.`,
      'start it, or "docker context use default"',
    );
  }
  if (/permission denied while trying|connect: permission denied/i.test(problem)) {
    fail(
      "A container engine is there, but this user may not use it.",
      '"sudo usermod -aG docker $USER", then log in again',
    );
  }
  if (isDebianRoot()) return;
  fail(
    "No container engine answers.",
    process.platform === "linux"
      ? `start one ("sudo systemctl start docker"); to install it on Debian or Ubuntu: "sudo apt-get install ${PACKAGES.join(" ")}"`
      : "start Docker Desktop, or any other engine that speaks Docker's API, and try again",
  );
}

async function install(): Promise<void> {
  say(`No container engine here: installing ${PACKAGES.join(", ")} with apt-get.`);
  const isInstalled = await aptInstall(PACKAGES);
  // Since Debian 13 the command line is a package of its own.
  if (isInstalled && (isOnPath("docker") || (await aptInstall(["docker-cli"])))) return;
  throw new ContainerEngineError({
    what: "apt-get could not install a container engine.",
    remedy: `read its messages above, then "apt-get install ${PACKAGES.join(" ")}"`,
  });
}

async function start(): Promise<string> {
  if (existsSync("/run/systemd/system")) {
    say("Starting the container engine: systemctl start docker.");
    await runCommand("systemctl", ["start", "docker"], { isShown: true });
    return await answer("journalctl -u docker", () => undefined);
  }
  // In a directory of its own: root must not write to a name in a shared directory that another user could plant.
  const logPath = join(await mkdtemp(join(tmpdir(), "iris-ports-dockerd-")), "dockerd.log");
  say(`Starting the container engine: dockerd, detached; its log is ${logPath}.`);
  const log = openSync(logPath, "w", 0o600);
  const child = spawn("dockerd", [], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, PATH: SYSTEM_PATH },
  });
  let end: string | undefined;
  child.on("error", (error) => (end = error.message));
  child.on("exit", (code) => (end = `dockerd ended with exit code ${code}`));
  child.unref();
  return await answer(logPath, () => end);
}

async function answer(logPath: string, endOfEngine: () => string | undefined): Promise<string> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    // The process state is read before the answer: an engine that another process has just started is as good as ours.
    const end = endOfEngine();
    const { version } = await askVersion();
    if (version !== undefined) {
      say(`The container engine ${version} answers.`);
      return version;
    }
    if (end !== undefined && !isOtherEngineStarting()) break;
    await delay(200);
  }
  throw new ContainerEngineError({
    what: `The container engine was started, but ${endOfEngine() ?? `did not answer within ${START_TIMEOUT_MS / 1000} s`}.`,
    state: existsSync(logPath) ? (await readFile(logPath, "utf8")).trim().split("\n").slice(-10).join("\n") : undefined,
    remedy: `read ${logPath}, or start an engine yourself`,
  });
}

function isOtherEngineStarting(): boolean {
  const pidFile = "/var/run/docker.pid";
  return existsSync(pidFile) && existsSync(`/proc/${readFileSync(pidFile, "utf8").trim()}`);
}

if (import.meta.main) {
  try {
    await ensureEngine();
  } catch (error) {
    if (!(error instanceof ContainerEngineError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
