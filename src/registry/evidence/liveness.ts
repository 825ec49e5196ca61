import { osCode } from "../../stores/safe-file.ts";
import type { Holder, ProcessIdentity } from "../holder.ts";
import { observeNested, observeThread } from "../host/linux-processes.ts";
import { currentMachine, currentProcess, ENDED, startTimeOf, UNKNOWN } from "../host/process-identity.ts";

/** Whether somebody is provably there (`alive`), provably not (`gone`), or neither. */
export type Verdict = "alive" | "gone" | "unknown";

/** Looks whether a process of a document is still the one it was. */
export type Liveness = (identity: ProcessIdentity) => Promise<Verdict>;

/**
 * Gone is only what is proven: on this host, another boot; or in this pid namespace, no such pid, or a pid that started
 * at another time. Other hosts cannot be looked into, other pid namespaces only from the first one. One boot is one
 * machine, whatever name it has: a laptop's changes with the network, and a container has its own.
 */
export const observeProcess: Liveness = async (identity) => {
  const here = await currentMachine();
  const areBootsKnown = identity.bootId !== UNKNOWN && here.bootId !== UNKNOWN;
  const isOtherBoot = identity.bootId !== here.bootId;
  if (identity.host !== here.host && (isOtherBoot || !areBootsKnown)) return "unknown";
  if (isOtherBoot) return areBootsKnown ? "gone" : "unknown";
  if (identity.pidNamespace === UNKNOWN || here.pidNamespace === UNKNOWN) return "unknown";
  if (identity.pidNamespace !== here.pidNamespace)
    return process.platform === "linux" ? observeNested(identity, here.pidNamespace, UNKNOWN) : "unknown";
  const verdict = await observePid(identity);
  return verdict === "alive" && identity.thread !== undefined ? observeThread(identity.pid, identity.thread) : verdict;
};

async function observePid({ pid, startTime: expected }: ProcessIdentity): Promise<Verdict> {
  const self = await currentProcess();
  if (pid === self.pid && expected === self.startTime && expected !== UNKNOWN) return "alive";
  if (!isPidTaken(pid)) return "gone";
  const startTime = await startTimeOf(pid);
  if (startTime === ENDED) return "gone";
  if (startTime === expected) return expected === UNKNOWN ? "unknown" : "alive";
  if (expected === UNKNOWN) return "unknown";
  // It may have ended between the two looks; a start time that cannot be read proves nothing.
  if (startTime === UNKNOWN) return isPidTaken(pid) ? "unknown" : "gone";
  return "gone";
}

/** A holder's verdict; from its `expiresAt` on, a manual holder and one that cannot be observed count as gone. */
export function holderVerdict(holder: Holder, observed: Verdict, now: Date): Verdict {
  const isExpired = holder.expiresAt !== undefined && holder.expiresAt <= now;
  return isExpired && (holder.kind === "manual" || observed === "unknown") ? "gone" : observed;
}

function isPidTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return osCode(cause) !== "ESRCH";
  }
}
