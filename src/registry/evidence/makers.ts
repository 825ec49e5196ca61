import type { EngineContainer } from "../../docker/engine.ts";
import { parseProcessText } from "../holder.ts";
import { currentMachine } from "../host/process-identity.ts";
import { LABEL_CREATOR_PROCESS, LABEL_REGISTRY } from "../labels.ts";
import type { EngineReport } from "./engine-report.ts";
import { type Liveness, observeProcess, observerOfMany, type Verdict } from "./liveness.ts";

/** Checks the processes that made the containers of this registry; `unknown` for other containers. */
export async function observeMakers(
  report: EngineReport,
  registryPath: string,
  liveness: Liveness,
): Promise<(container: EngineContainer) => Verdict> {
  const containers = report.isReachable ? report.containers : [];
  const ours = containers.filter(({ labels }) => labels[LABEL_REGISTRY] === registryPath);
  // A new observer, because a maker may have started after the observer of the holders read the system's processes.
  const look = observerOfMany(liveness);
  const verdicts = new Map(
    await Promise.all(ours.map(async ({ id, labels }) => [id, await observeMaker(labels, look)] as const)),
  );
  return ({ id }) => verdicts.get(id) ?? "unknown";
}

/** The verdict on the process that made a container, by its label; `unknown` without such a label, or if it ended in another pid namespace. */
export async function observeMaker(
  labels: Readonly<Record<string, string>>,
  liveness: Liveness = observeProcess,
): Promise<Verdict> {
  const maker = parseProcessText(labels[LABEL_CREATOR_PROCESS]);
  if (maker === undefined) return "unknown";
  const verdict = await liveness(maker);
  // A maker in another pid namespace may use a registry inside its container, at the same path. That registry may have more
  // users, of whom this one knows nothing; only after a reboot are all of them gone.
  const { bootId, pidNamespace } = await currentMachine();
  const isElsewhere = maker.bootId === bootId && maker.pidNamespace !== pidNamespace;
  return verdict === "gone" && isElsewhere ? "unknown" : verdict;
}
