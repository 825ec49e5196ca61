import { ensureStandin } from "../../scripts/build-standin.ts";
import { ensureEngine } from "../../scripts/ensure-engine.ts";
import { runCommand } from "../../scripts/run-command.ts";

/** The default of the Testcontainers version that is installed. */
const RYUK_IMAGE = "testcontainers/ryuk:0.14.0";

/** Makes sure that an engine answers and has the stand-in's image; without them these tests fail. */
export default async function setup(): Promise<void> {
  await ensureEngine();
  await ensureStandin();
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= String(!(await canHaveRyuk()));
}

/** Testcontainers would fail to start anything where its reaper's image is neither here nor to be had. */
async function canHaveRyuk(): Promise<boolean> {
  const isHere = (await runCommand("docker", ["image", "inspect", RYUK_IMAGE])).exitCode === 0;
  if (isHere || (await runCommand("docker", ["pull", "--quiet", RYUK_IMAGE])).exitCode === 0) return true;
  process.stderr.write(
    `iris-ports: ${RYUK_IMAGE} cannot be pulled: the tests run with TESTCONTAINERS_RYUK_DISABLED.\n`,
  );
  return false;
}
