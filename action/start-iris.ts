import { Lease } from "../src/lifecycle/lease.ts";
import type { Reach } from "../src/lifecycle/reach.ts";
import { startIris } from "../src/lifecycle/start-iris.ts";
import type { Acquisition } from "../src/registry/allocation/request.ts";
import type { PortAssignment } from "../src/registry/assignment.ts";
import { ACTION_ADVICE } from "./advice.ts";
import type { Inputs } from "./inputs/inputs.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import type { OpenRegistry } from "./open-registry.ts";
import { inGroup, say } from "./output/log.ts";

/** The IRIS to start, and the signal that cancels the start. */
export type StepStart = OpenRegistry & {
  readonly inputs: Inputs & { readonly iris: IrisInputs };
  readonly reach: Reach;
  readonly interruption: AbortSignal;
};

/** An IRIS on the job's port. */
export type JobIris = { readonly assignment: PortAssignment; readonly host: string };

/** Starts IRIS on the assigned port, or joins the project's; the log of its start is printed in a folded group. */
export async function startJobIris(acquisition: Acquisition, start: StepStart): Promise<JobIris> {
  const { registry, engine, reach, interruption, inputs } = start;
  const { iris, preferredPort, hasWebPort } = inputs;
  const lease = Lease.of(registry, acquisition, { preferredPort, hasWebPort });
  const { username, password, namespace } = iris;
  const request = {
    image: iris.image,
    containerPort: iris.containerPort,
    environment: iris.containerEnv,
    containerOptions: iris.containerOptions,
    licenseKey: iris.licenseKey,
    cpfMerge: iris.cpfMerge,
    initScripts: iris.initScripts,
    setup: { username, password, namespace },
    isWebPortWanted: hasWebPort,
    lifetime: "holders",
    timeoutMs: iris.startTimeoutMs,
  } as const;
  const { use, assignment } = await startIris(request, {
    host: engine.host,
    lease,
    reach,
    advice: ACTION_ADVICE,
    signal: interruption,
    narrate: say,
    showLog: inGroup,
  });
  return { assignment, host: use.host };
}
