import { getState, saveState } from "@actions/core";

/** What main is about to take: saved before it does, so that post can give it back whatever becomes of main. */
export type Claim = {
  readonly registryPath: string;
  readonly portRange: readonly [number, number];
  readonly projectPath: string;
  /** All that were tried; `null` is the project without one. */
  readonly instances: readonly (string | null)[];
  /** Of the holder, and on the label of the container that it creates. */
  readonly holderId: string;
  readonly image: string | null;
  readonly isInContainer: boolean;
};

/** What main achieved: for the job's summary. */
export type Outcome = { readonly projectKey: string; readonly port: number; readonly startedInMs: number | null };

/** Later ones replace earlier ones. */
export function saveClaim(claim: Claim): void {
  saveState("claim", JSON.stringify(claim));
}

export function saveOutcome(outcome: Outcome): void {
  saveState("outcome", JSON.stringify(outcome));
}

/** What main saved in this step; undefined when it did not get that far. */
export function readClaim(): Claim | undefined {
  const claim = parse(getState("claim")) as Partial<Claim> | undefined;
  const isUsable =
    typeof claim?.registryPath === "string" &&
    typeof claim.projectPath === "string" &&
    typeof claim.holderId === "string" &&
    Array.isArray(claim.portRange) &&
    Array.isArray(claim.instances);
  return isUsable ? (claim as Claim) : undefined;
}

export function readOutcome(): Outcome | undefined {
  const outcome = parse(getState("outcome")) as Partial<Outcome> | undefined;
  return typeof outcome?.port === "number" && typeof outcome.projectKey === "string" ? (outcome as Outcome) : undefined;
}

/** Steps of the workflow cannot write it, but a runner that was killed may have cut it off. */
function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
