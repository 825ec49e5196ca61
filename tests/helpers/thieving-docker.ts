import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runCommand } from "../../scripts/run-command.ts";
import type { FakeHost } from "./fake-runner.ts";

/** A docker command that first lets a stranger have the port that the container is about to get. */
export async function thievingDocker(host: FakeHost, image: string): Promise<{ path: string; stranger: string }> {
  const bin = join(host.directory, "bin");
  const stranger = `stranger-${host.ports[0]}`;
  const real = (await runCommand("sh", ["-c", "command -v docker"])).stdout.trim();
  mkdirSync(bin);
  const script = [
    "#!/bin/sh",
    `if [ "$1" = start ] && [ ! -e "${bin}/done" ]; then`,
    `  touch "${bin}/done"`,
    `  ${real} run --detach --rm --name ${stranger} --publish 127.0.0.1:${host.ports[0]}:1972 ${image} > /dev/null`,
    "fi",
    `exec ${real} "$@"`,
  ];
  writeFileSync(join(bin, "docker"), script.join("\n"));
  chmodSync(join(bin, "docker"), 0o755);
  return { path: `${bin}${delimiter}${process.env["PATH"]}`, stranger };
}
