import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runCommand } from "../../scripts/run-command.ts";
import { eventually } from "./engine.ts";
import type { FakeHost } from "./fake-runner.ts";

/** A PATH whose docker command runs the shell lines of `oddity` before the real docker. */
export async function oddDocker(
  host: Pick<FakeHost, "directory">,
  oddity: (real: string, bin: string) => readonly string[],
): Promise<string> {
  const bin = join(host.directory, "bin");
  const real = (await runCommand("sh", ["-c", "command -v docker"])).stdout.trim();
  mkdirSync(bin);
  writeFileSync(join(bin, "docker"), ["#!/bin/sh", ...oddity(real, bin), `exec ${real} "$@"`].join("\n"));
  chmodSync(join(bin, "docker"), 0o755);
  return `${bin}${delimiter}${process.env["PATH"]}`;
}

/** A docker command that first lets another program take the port of the container. */
export async function thievingDocker(host: FakeHost, image: string): Promise<{ path: string; stranger: string }> {
  const stranger = `stranger-${host.ports[0]}`;
  const path = await oddDocker(host, (real, bin) => [
    `if [ "$1" = start ] && [ ! -e "${bin}/done" ]; then`,
    `  touch "${bin}/done"`,
    `  ${real} run --detach --rm --name ${stranger} --publish 127.0.0.1:${host.ports[0]}:1972 ${image} > /dev/null`,
    "fi",
  ]);
  return { path, stranger };
}

/** A docker command that hangs if its arguments begin with these words. */
export async function hangingDocker(host: FakeHost, words: string): Promise<string> {
  return oddDocker(host, (_, bin) => [
    `case "$* " in "${words} "*)`,
    `  touch "${bin}/hangs"`,
    "  exec sleep 600",
    "esac",
  ]);
}

/** A docker command that takes its time for this word; {@link dockerHangs} tells when it has begun. */
export async function slowDocker(host: FakeHost, word: string): Promise<string> {
  return oddDocker(host, (_, bin) => [`if [ "$1" = ${word} ]; then touch "${bin}/hangs"; sleep 1; fi`]);
}

/** A docker command that counts how often it is given this word first. */
export async function countingDocker(host: FakeHost, word: string): Promise<{ path: string; timesRun: () => number }> {
  const path = await oddDocker(host, (_, bin) => [`if [ "$1" = ${word} ]; then echo run >> "${bin}/count"; fi`]);
  const count = join(host.directory, "bin", "count");
  return { path, timesRun: () => (existsSync(count) ? readFileSync(count, "utf8").trim().split("\n").length : 0) };
}

/** A docker command that writes down what `docker create` was given. */
export async function recordingDocker(host: FakeHost): Promise<{ path: string; recorded: (what: Recorded) => string }> {
  const path = await oddDocker(host, (_, bin) => [
    'if [ "$1" = create ]; then',
    `  env > "${bin}/env"; printf '%s\\n' "$@" > "${bin}/args"`,
    '  last=; for word in "$@"; do',
    `    if [ "$last" = --env-file ]; then cat "$word" > "${bin}/file"; ls -l "$word" > "${bin}/mode"; fi; last=$word`,
    "  done",
    "fi",
  ]);
  return { path, recorded: (what) => readFileSync(join(host.directory, "bin", what), "utf8") };
}

type Recorded = "env" | "args" | "file" | "mode";

/** Waits until {@link hangingDocker} hangs. */
export async function dockerHangs(host: FakeHost): Promise<void> {
  await eventually(async () => existsSync(join(host.directory, "bin", "hangs")) || undefined);
}
