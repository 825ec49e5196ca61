import { info } from "@actions/core";
import { inTime } from "../src/errors/deadline.ts";
import { showWarnings } from "../src/errors/warning.ts";
import { clean } from "./clean.ts";
import { type GivenBack, giveBack, type KnownFailures, reportFailure, sayGivenBack } from "./give-back.ts";
import { readJob } from "./inputs/inputs.ts";
import { endOrphanedMain, markPostDone } from "./job/orphaned-main.ts";
import { type Claim, readClaim, readFailure, readOutcome } from "./job/state.ts";
import { ignoreSignals } from "./job/supervisor.ts";
import { type OpenRegistry, openRegistry } from "./open-registry.ts";
import { messageOf, warn } from "./output/log.ts";
import { writeSummary } from "./output/summary.ts";

const TIMEOUT_MS = 55_000;
/** The part of the time-out that is reserved for the summary. */
const SUMMARY_MS = 5_000;

/**
 * After the job: releases what the step took, cleans, and writes the job's summary. Every failure is a warning,
 * because post must not fail the job. Work that hangs is left to the next job and does not block the rest.
 */
export async function release(timeoutMs = TIMEOUT_MS, summaryMs = SUMMARY_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs - summaryMs;
  ignoreSignals();
  showWarnings((text) => warn(text));
  // Work that was given up after its time-out may still fail.
  process.on("uncaughtException", (error) =>
    warn(`After its time-out, a part of the step failed: ${messageOf(error)}`),
  );
  try {
    const claim = readClaim();
    if (claim === undefined) {
      markPostDone(readJob);
      info("iris-ports: this step took no port, so there is nothing to release.");
      return;
    }
    await releaseBy(deadline, claim);
  } catch (error) {
    warn(`${NOT_RELEASED}: ${messageOf(error)}`);
  }
}

const NOT_RELEASED = "The port may not have been released; the next job on this host reclaims it";

async function releaseBy(deadline: number, claim: Claim): Promise<void> {
  const known: KnownFailures = new Set([readFailure()]);
  const open = openRegistry(claim);
  const given = await attempt(() => releaseClaim(open, claim, known), deadline, NOT_RELEASED, known);
  const cleaned = await attempt(
    () => clean(open.registry),
    deadline,
    "The leftovers of killed jobs could not be removed; the next job on this host tries again",
    known,
  );
  await writeSummary({ claim, outcome: readOutcome(), given, cleaned });
}

async function releaseClaim(open: OpenRegistry, claim: Claim, known: KnownFailures): Promise<GivenBack> {
  if (!(await endOrphanedMain(claim.main)))
    warn(
      `The step's main process ${claim.main.pid} did not end; a port or container that it takes from now on is not released.`,
    );
  const given = await giveBack(open, claim, known);
  if (given.isComplete && given.assignments.length === 0 && given.removedContainers.length === 0)
    info("iris-ports: this step holds no port, so there is nothing to release.");
  sayGivenBack(given);
  return given;
}

/** Undefined, with a warning, if the work fails or is not done by the deadline. */
async function attempt<T>(
  work: () => Promise<T>,
  deadline: number,
  consequence: string,
  known: KnownFailures,
): Promise<T | undefined> {
  const leftMs = Math.max(0, deadline - performance.now());
  try {
    return await inTime(work(), leftMs, () => new Error("It did not finish in time."));
  } catch (error) {
    reportFailure(consequence, error, known);
    return undefined;
  }
}
