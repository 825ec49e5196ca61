import { runCommand } from "./run-command.ts";

/** The default of the Testcontainers version that is installed. */
const RYUK_IMAGE = "testcontainers/ryuk:0.14.0";

/** Testcontainers would fail to start anything where its reaper's image is neither here nor to be had: then it goes without. */
export async function goWithoutRyukWhereItIsMissing(): Promise<void> {
  if (process.env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const isHere = (await runCommand("docker", ["image", "inspect", RYUK_IMAGE])).exitCode === 0;
  if (isHere || (await runCommand("docker", ["pull", "--quiet", RYUK_IMAGE])).exitCode === 0) return;
  process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
  process.stderr.write(`iris-ports: ${RYUK_IMAGE} cannot be pulled: TESTCONTAINERS_RYUK_DISABLED is set.\n`);
}
