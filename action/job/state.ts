import { getState, saveState } from "@actions/core";
import type { EngineAddress } from "../../src/docker/engine-address.ts";
import type { ProcessIdentity } from "../../src/registry/holder.ts";

/** What main is going to take; saved before main does anything, so that post can release it even if main is killed. */
export type Claim = {
  /** A path, or the URL of a Redis server with its password: the step's state is not shown anywhere. */
  readonly registryAddress: string;
  readonly portRange: readonly [number, number];
  readonly projectPath: string;
  /** All instances that were tried; `null` is the project without an instance. */
  readonly instances: readonly (string | null)[];
  /** The id of the holder, which is also in a label of the container that it creates. */
  readonly holderId: string;
  /** Main itself: in a job container, cancelling ends only its `docker exec`, and main runs on. */
  readonly main: ProcessIdentity;
  /** The engine that main uses: later steps may change the environment. Undefined if its address is invalid. */
  readonly engineAddress: EngineAddress | undefined;
  readonly image: string | null;
  readonly isInContainer: boolean;
};

/** The result of main, for the job's summary. */
export type Outcome = { readonly projectKey: string; readonly port: number; readonly startedInMs: number | null };

/** May be called again: the claim that was saved last counts. */
export function saveClaim(claim: Claim): void {
  saveState("claim", JSON.stringify(claim));
}

export function saveOutcome(outcome: Outcome): void {
  saveState("outcome", JSON.stringify(outcome));
}

/** Why main failed, so that post does not annotate the job with the same problem again. */
export function saveFailure(code: string): void {
  saveState("failure", code);
}

/** The code of main's failure; empty when it did not fail. */
export function readFailure(): string {
  return getState("failure");
}

/** What main saved in this step; undefined when it did not get that far. */
export function readClaim(): Claim | undefined {
  const claim = parse(getState("claim")) as Partial<Claim> | undefined;
  const isUsable =
    typeof claim?.registryAddress === "string" &&
    typeof claim.projectPath === "string" &&
    typeof claim.holderId === "string" &&
    Array.isArray(claim.portRange) &&
    Array.isArray(claim.instances) &&
    typeof claim.main?.pid === "number";
  return isUsable ? (claim as Claim) : undefined;
}

export function readOutcome(): Outcome | undefined {
  const outcome = parse(getState("outcome")) as Partial<Outcome> | undefined;
  return typeof outcome?.port === "number" && typeof outcome.projectKey === "string" ? (outcome as Outcome) : undefined;
}

/** Undefined for incomplete text, which a killed runner may leave. Steps of the workflow cannot write it. */
function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
