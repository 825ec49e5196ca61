import { info } from "@actions/core";
import { showWarnings } from "../src/errors/warning.ts";
import { clean } from "./clean.ts";
import { type GivenBack, giveBack, reportFailure, sayGivenBack } from "./give-back.ts";
import { readJob } from "./inputs/inputs.ts";
import { endOrphanedMain, markPostDone } from "./job/orphaned-main.ts";
import { type Claim, readClaim, readFailure, readOutcome } from "./job/state.ts";
import { type OpenRegistry, openRegistry } from "./open-registry.ts";
import { messageOf, warn } from "./output/log.ts";
import { writeSummary } from "./output/summary.ts";

/** The time limit of post. */
export const POST_TIMEOUT_MS = 58_000;
const TIMEOUT_MS = 55_000;
/** The part of it that is reserved for the summary. */
const SUMMARY_MS = 5_000;

/**
 * After the job: releases what the step took, cleans, and writes the job's summary. Every failure is a warning,
 * because post must not fail the job. Work that hangs is left to the next job and does not block the rest.
 */
export async function release(timeoutMs = TIMEOUT_MS, summaryMs = SUMMARY_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs - summaryMs;
  showWarnings((text) => warn(text));
  // Work that was given up after its time-out may still fail.
  process.on("uncaughtException", (error) =>
    warn(`After its time-out, a part of the step failed: ${messageOf(error)}`),
  );
  try {
    const claim = readClaim();
    if (claim === undefined) {
      markPostDone(readJob());
      info("iris-ports: this step took no port, so there is nothing to release.");
      return;
    }
    await releaseBy(deadline, claim);
  } catch (error) {
    warn(`${NOT_RELEASED}: ${messageOf(error)}`);
  }
}

const NOT_RELEASED = "The port may not have been released; the next job on this host does it";

async function releaseBy(deadline: number, claim: Claim): Promise<void> {
  const knownFailure = readFailure();
  const open = openRegistry(claim);
  const given = await attempt(() => releaseClaim(open, claim, knownFailure), deadline, NOT_RELEASED, knownFailure);
  const cleaned = await attempt(
    () => clean(open.registry),
    deadline,
    "What killed jobs left behind could not be removed; the next job on this host tries again",
    knownFailure,
  );
  await writeSummary({ claim, outcome: readOutcome(), given, cleaned });
}

async function releaseClaim(open: OpenRegistry, claim: Claim, knownFailure: string): Promise<GivenBack> {
  if (!(await endOrphanedMain(claim.main)))
    warn(`The step's main process ${claim.main.pid} does not end; what it takes from now on is not released.`);
  const given = await giveBack(open, claim, knownFailure);
  if (given.isComplete && given.assignments.length === 0 && given.removedContainers.length === 0)
    info("iris-ports: this step holds no port, so there is nothing to release.");
  sayGivenBack(given);
  return given;
}

/** Undefined, with a warning, where it fails or is not done by the deadline. */
async function attempt<T>(
  work: () => Promise<T>,
  deadline: number,
  consequence: string,
  knownFailure: string,
): Promise<T | undefined> {
  const timeout = Promise.withResolvers<never>();
  const leftMs = deadline - performance.now();
  const timer = setTimeout(() => timeout.reject(new Error("The time for it was over.")), Math.max(0, leftMs));
  try {
    return await Promise.race([work(), timeout.promise]);
  } catch (error) {
    reportFailure(consequence, error, knownFailure);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
