import { hostname } from "node:os";
import type { RegistryDocument, ServerRecord } from "../document.ts";
import { timeText } from "../time-text.ts";
import type { ServerRun } from "./redis-session.ts";

/** How long holders whose connection broke may take to connect again. */
const RECONNECT_MS = 3_000;
/** The same where the server was away for all of them: they ask again every second, but not all at once. */
const RETURN_MS = 5_000;

/** `isMissing`: there is no document. `isLost`: there was one, or a newer one. */
type Missing = { readonly isLost: boolean; readonly isMissing: boolean };

/** What this process knows of a server: its clock, and whether it may have lost acknowledged writes. */
export class ServerWatch {
  readonly #leaseMs: number;
  #offsetMs: number | undefined;

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Notes the server's time, as an answer told it. */
  heard(nowMs: number): void {
    this.#offsetMs = nowMs - performance.now();
  }

  /** The server's time by its last answer; this process's own before the first. */
  now(): Date {
    return this.#offsetMs === undefined ? new Date() : new Date(performance.now() + this.#offsetMs);
  }

  /**
   * The record of the server with a short grace period if no holder of another host has renewed for half a lease: none is
   * left, or the server was stopped or unreachable for all of them. Undefined if one has, or if that period has been.
   */
  judgeSilence({ holders, server }: RegistryDocument): ServerRecord | undefined {
    const leases = [...holders.values()].flat().flatMap(({ process, expires_at, kind }) => {
      const isElsewhere = kind === "process" && process?.host_name !== hostname();
      return isElsewhere && expires_at !== undefined ? [Date.parse(expires_at)] : [];
    });
    const nowMs = this.now().getTime();
    const silentSinceMs = Math.max(...leases) - this.#leaseMs / 2;
    const isGranted = Date.parse(server?.grace_until ?? "") > silentSinceMs;
    if (server === undefined || leases.length === 0 || silentSinceMs > nowMs || isGranted) return undefined;
    return { ...server, grace_until: timeText(new Date(nowMs + RETURN_MS)) };
  }

  /**
   * The record of the server that a document should carry. Another run of the server, another history of replication, or
   * a document older than one that was seen begins a grace period of one lease: by its end every live holder has
   * renewed, and so asserted what it holds. If there is no document and the server has just started, it may have lost
   * one. With an append-only file it can only have lost the last second, whose holders connect again at once, so a shorter
   * period is enough.
   */
  judge(
    run: ServerRun & { readonly replicationId: string },
    recorded: ServerRecord | undefined,
    { isLost, isMissing }: Missing,
  ): ServerRecord {
    const isSame = recorded?.run_id === run.runId && recorded.replication_id === run.replicationId;
    if (isSame && !isLost) return recorded;
    const fresh = { run_id: run.runId, replication_id: run.replicationId };
    if (recorded === undefined && !isMissing && !isLost) return fresh;
    const nowMs = this.now().getTime();
    const startedAtMs = Number.isNaN(run.startedAtMs) ? nowMs : run.startedAtMs;
    const settledAtMs = startedAtMs + (run.isPersistent ? RECONNECT_MS : this.#leaseMs);
    const graceUntil = new Date(isLost || !isMissing ? nowMs + this.#leaseMs : settledAtMs);
    if (graceUntil.getTime() <= nowMs) return fresh;
    return { ...fresh, grace_until: timeText(graceUntil) };
  }
}
