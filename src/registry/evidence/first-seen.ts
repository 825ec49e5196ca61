import type { RegistryDocument } from "../../stores/document.ts";
import { reconcileSeen } from "../../stores/reconcile.ts";
import { timeText } from "../../stores/time-text.ts";
import { mayBeYoung } from "../document/times.ts";

/** How long an entry of another tool, which names no holders, counts as in use without further evidence. */
export const FOREIGN_GRACE_MS = 15 * 60_000;

/**
 * Records when this registry first saw an entry whose age is uncertain, because its time has no zone and would make it young
 * only in another zone: its 15 minutes begin now. Records of entries that no longer exist are dropped.
 */
export function withFirstSeen(document: RegistryDocument, now: Date): RegistryDocument {
  const { assignments } = document;
  const seen = reconcileSeen(assignments, document.seen);
  const found = assignments.filter(
    ({ project_path: key, assigned_at }) => !seen.has(key) && mayBeYoung(assigned_at, now, FOREIGN_GRACE_MS),
  );
  if (found.length === 0) return seen === document.seen ? document : { ...document, seen };
  const at = timeText(now);
  const notes = found.map(({ project_path: key, port, assigned_at }) => [key, { port, assigned_at, at }] as const);
  return { ...document, seen: new Map([...seen, ...notes]) };
}
