import { info } from "@actions/core";
import { clean } from "./clean.ts";
import { type GivenBack, giveBack } from "./give-back.ts";
import { type Claim, readClaim, readOutcome } from "./job/state.ts";
import { type OpenRegistry, openRegistry } from "./open-registry.ts";
import { messageOf, say, warn } from "./output/log.ts";
import { writeSummary } from "./output/summary.ts";

const TIMEOUT_MS = 60_000;
/** Of these, what the summary may take. */
const SUMMARY_MS = 5_000;

/**
 * After the job: gives back what the step took, cleans, and writes the job's summary. Whatever goes wrong is a warning,
 * because post must not fail the job; what hangs is left to the next job, and does not keep the rest back.
 */
export async function release(timeoutMs = TIMEOUT_MS, summaryMs = SUMMARY_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs - summaryMs;
  // A rejection that nobody waits for, after a time-out, must not fail it either.
  process.on("uncaughtException", (error) => warn(`Something went wrong that nobody waited for: ${messageOf(error)}`));
  const claim = readClaim();
  if (claim === undefined) {
    info("iris-ports: the step took no port; there is nothing to give back.");
    return;
  }
  try {
    await releaseBy(deadline, claim);
  } catch (error) {
    warn(`${NOT_GIVEN_BACK} ${messageOf(error)}`);
  }
}

const NOT_GIVEN_BACK = "The port may not have been given back; the next job on this host does it.";

async function releaseBy(deadline: number, claim: Claim): Promise<void> {
  const open = openRegistry(claim);
  const given = await attempt(() => releaseClaim(open, claim), deadline, NOT_GIVEN_BACK);
  const cleaned = await attempt(
    () => clean(open.registry),
    deadline,
    "What others left behind could not be cleaned; the next job on this host tries again.",
  );
  await writeSummary({ claim, outcome: readOutcome(), given, cleaned });
}

async function releaseClaim(open: OpenRegistry, claim: Claim): Promise<GivenBack> {
  const given = await giveBack(open, claim);
  for (const { projectKey, port, status } of given.assignments) {
    say(
      status === "released"
        ? `${projectKey} has given port ${port} back.`
        : `Port ${port} of ${projectKey} is others' by now.`,
    );
  }
  for (const name of given.removedContainers) say(`Container ${name} is removed.`);
  return given;
}

/** Undefined, with a warning, where it fails or is not done by the deadline. */
async function attempt<T>(work: () => Promise<T>, deadline: number, consequence: string): Promise<T | undefined> {
  const timeout = Promise.withResolvers<never>();
  const leftMs = deadline - performance.now();
  const timer = setTimeout(() => timeout.reject(new Error("No time was left for it.")), Math.max(0, leftMs));
  try {
    return await Promise.race([work(), timeout.promise]);
  } catch (error) {
    warn(`${consequence} ${messageOf(error)}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
