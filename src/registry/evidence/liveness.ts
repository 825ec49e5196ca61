import { osCode } from "../../errors/os-code.ts";
import type { Holder, ProcessIdentity } from "../holder.ts";
import { NestedProcesses, observeThread } from "../host/linux-processes.ts";
import { currentMachine, currentProcess, startTimeOf } from "../host/process-identity.ts";
import { ENDED, UNKNOWN } from "../host/start-time.ts";

/** Whether something provably exists (`alive`), provably does not (`gone`), or neither. */
export type Verdict = "alive" | "gone" | "unknown";

/** Checks whether a process of the document still exists. */
export type Liveness = (identity: ProcessIdentity) => Promise<Verdict>;

/**
 * `gone` only if proven: the process ran in another boot of this host; or, in this pid namespace, its pid does not exist, or
 * belongs to a process that started at another time. Processes of other hosts cannot be observed, and those of other pid
 * namespaces only from the first namespace. Machines are compared by boot id, because a laptop's host name changes with the
 * network, and a container has its own.
 */
export const observeProcess: Liveness = (identity) => observe(identity, new NestedProcesses());

/**
 * Checks any number of processes. All of them must be recorded before the first check, see {@link NestedProcesses}.
 * @param liveness returned unchanged if a test replaced it
 */
export function observerOfMany(liveness: Liveness): Liveness {
  if (liveness !== observeProcess) return liveness;
  const nested = new NestedProcesses();
  return (identity) => observe(identity, nested);
}

async function observe(identity: ProcessIdentity, nested: NestedProcesses): Promise<Verdict> {
  const here = await currentMachine();
  const areBootsKnown = identity.bootId !== UNKNOWN && here.bootId !== UNKNOWN;
  const isOtherBoot = identity.bootId !== here.bootId;
  if (identity.host !== here.host && (isOtherBoot || !areBootsKnown)) return "unknown";
  if (isOtherBoot) return areBootsKnown ? "gone" : "unknown";
  if (identity.pidNamespace === UNKNOWN || here.pidNamespace === UNKNOWN) return "unknown";
  if (identity.pidNamespace !== here.pidNamespace)
    return process.platform === "linux" ? nested.observe(identity, here.pidNamespace) : "unknown";
  const verdict = await observePid(identity);
  return verdict === "alive" && identity.thread !== undefined ? observeThread(identity.pid, identity.thread) : verdict;
}

async function observePid({ pid, startTime: expected }: ProcessIdentity): Promise<Verdict> {
  const self = await currentProcess();
  if (pid === self.pid && expected === self.startTime && expected !== UNKNOWN) return "alive";
  if (!isPidTaken(pid)) return "gone";
  const startTime = await startTimeOf(pid);
  if (startTime === ENDED) return "gone";
  if (startTime === expected) return expected === UNKNOWN ? "unknown" : "alive";
  if (expected === UNKNOWN) return "unknown";
  // The process may have ended between the two checks; an unreadable start time proves nothing.
  if (startTime === UNKNOWN) return isPidTaken(pid) ? "unknown" : "gone";
  return "gone";
}

/** The verdict on a holder. After its `expiresAt`, a manual holder and one that cannot be observed count as gone. */
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
