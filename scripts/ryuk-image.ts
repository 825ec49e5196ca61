import { runCommand } from "./run-command.ts";

/** The default of the Testcontainers version that is installed. */
const RYUK_IMAGE = "testcontainers/ryuk:0.14.0";

/**
 * Disables Ryuk if its image is not on the engine and cannot be pulled, because Testcontainers could start nothing
 * then.
 */
export async function goWithoutRyukWhereItIsMissing(): Promise<void> {
  if (process.env.TESTCONTAINERS_RYUK_DISABLED !== undefined) return;
  const isHere = (await runCommand("docker", ["image", "inspect", RYUK_IMAGE])).exitCode === 0;
  if (isHere || (await runCommand("docker", ["pull", "--quiet", RYUK_IMAGE])).exitCode === 0) return;
  process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
  process.stderr.write(`iris-ports: ${RYUK_IMAGE} cannot be pulled: TESTCONTAINERS_RYUK_DISABLED is set.\n`);
}
