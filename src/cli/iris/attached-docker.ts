import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { DockerCommandEngine } from "../../docker/docker-command-engine.ts";
import { EXIT_CODES, exitCodeOfSignal } from "../exit-codes.ts";

/** Runs a docker command on the standard streams of this process, and passes signals on. Returns the exit code. */
export async function attachedDocker({ host }: DockerCommandEngine, args: readonly string[]): Promise<number> {
  const child = spawn("docker", args, { stdio: "inherit", env: host.command.env });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, pass);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal !== null) return exitCodeOfSignal(constants.signals[signal]);
  return code ?? EXIT_CODES.unexpected;
}
