import { info } from "@actions/core";
import { clean } from "./clean.ts";
import { giveBack } from "./give-back.ts";
import { say, warn } from "./log.ts";
import { openRegistry } from "./open-registry.ts";
import { type Claim, readClaim, readOutcome } from "./state.ts";
import { writeSummary } from "./summary.ts";

const TIMEOUT_MS = 60_000;

/** After the job: gives back what the step took. Whatever goes wrong is a warning, because post must not fail the job. */
export async function release(): Promise<void> {
  // A rejection that nobody waits for, after the time-out, must not fail it either.
  process.on("uncaughtException", reportWarning);
  const claim = readClaim();
  if (claim === undefined) {
    info("iris-ports: the step took no port; there is nothing to give back.");
    return;
  }
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new Error(`not done within ${TIMEOUT_MS / 1_000} s`)), TIMEOUT_MS);
  try {
    await Promise.race([releaseClaim(claim), timeout.promise]);
  } catch (error) {
    reportWarning(error);
  } finally {
    clearTimeout(timer);
  }
}

async function releaseClaim(claim: Claim): Promise<void> {
  const open = openRegistry(claim);
  const { assignments, removedContainers } = await giveBack(open, claim);
  for (const { projectKey, port, status } of assignments) {
    say(
      status === "released"
        ? `${projectKey} has given port ${port} back.`
        : `Port ${port} of ${projectKey} is others' by now.`,
    );
  }
  for (const name of removedContainers) say(`Container ${name} is removed.`);
  const cleaned = await clean(open.registry).catch((error: unknown) => {
    warn(`What others left behind could not be cleaned: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  });
  await writeSummary({ claim, outcome: readOutcome(), assignments, removedContainers, cleaned });
}

function reportWarning(error: unknown): void {
  warn(
    `The port may not have been given back; the next job on this host does it. ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 0;
}
