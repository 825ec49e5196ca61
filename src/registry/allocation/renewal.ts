import { hostname } from "node:os";
import createDebug from "debug";
import { warn } from "../../errors/warning.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { SharedStore, Store } from "../../stores/store.ts";
import type { PortAssignment } from "../assignment.ts";
import { entryOf, withEntry, withHolders } from "../document/edit-document.ts";
import { toDetail, toHolderRecord } from "../document/records.ts";
import type { Holder } from "../holder.ts";
import type { Acquisition, AssignRequest } from "./request.ts";

const debug = createDebug("iris-ports:renewal");

/** Renewals per lease: if one fails, the next is still in time. */
const RENEWALS_PER_LEASE = 4.5;
/** How soon a server that did not answer is asked again. */
const RETRY_MS = 1_000;
/** By how much the clocks of a host and the server may seem to differ because an answer takes its time. */
const TOLERATED_MS = 2_000;

type Held = {
  readonly acquisition: Acquisition;
  /** Until when the registry keeps it, by the server's clock. */
  expiresAt: Date;
};

/**
 * Renews the holders of this process in a registry that several hosts share. Other hosts cannot observe the process, so
 * its holders expire unless they are renewed. A port that was lost meanwhile is taken back if it is still free, and
 * reported as a process warning if not.
 */
export class HolderRenewal {
  readonly #store: Store;
  readonly #shared: SharedStore;
  readonly #held = new Map<string, Held>();
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  constructor(store: Store, shared: SharedStore) {
    this.#store = store;
    this.#shared = shared;
  }

  /** Never fails: the port is assigned already, and a connection that broke is opened again for the next renewal. */
  async hold(acquisition: Acquisition): Promise<void> {
    const { assignment, holder } = acquisition;
    const { expiresAt = this.#shared.now() } = holder;
    this.#held.set(keyOf(assignment.projectKey, holder.id), { acquisition, expiresAt });
    this.#timer ??= setInterval(() => this.renewNow(), this.#shared.leaseMs / RENEWALS_PER_LEASE).unref();
    await this.#shared.listenForLoss(() => this.renewNow()).catch((error: unknown) => this.#renewLater(error));
  }

  /** Without a holder's id: every holder of the project. */
  leave(projectKey: string, holderId?: string): void {
    for (const [key, { acquisition }] of this.#held) {
      if (acquisition.assignment.projectKey !== projectKey) continue;
      if (holderId === undefined || acquisition.holder.id === holderId) this.#held.delete(key);
    }
    if (this.#held.size > 0) return;
    this.#shared.ignoreLoss();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  leaveAll(): void {
    for (const { acquisition } of [...this.#held.values()]) this.leave(acquisition.assignment.projectKey);
  }

  /** Renews everything that this process holds, in one commit. A server that does not answer is asked again later. */
  renewNow(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#held.size === 0) return;
    this.#renewing ??= this.#renew()
      .catch((error: unknown) => this.#renewLater(error))
      .finally(() => {
        this.#renewing = undefined;
      });
  }

  #renewLater(error: unknown): void {
    debug("the holders were not renewed: %o", error);
    this.#retry ??= setTimeout(() => this.renewNow(), RETRY_MS).unref();
  }

  async #renew(): Promise<void> {
    await this.#shared.listenForLoss(() => this.renewNow());
    const outcomes = await this.#store.update(async (newest) => {
      let document = newest;
      const results: (readonly [Held, Date, Renewal["kind"]])[] = [];
      for (const held of this.#held.values()) {
        const holder = leased(held.acquisition.holder, this.#shared);
        const renewal = renewIn(document, held, holder, this.#shared.now());
        if (renewal.kind === "renewed") document = renewal.document;
        results.push([held, holder.expiresAt, renewal.kind]);
      }
      return { document, result: results };
    });
    for (const [held, expiresAt, kind] of outcomes) {
      const { assignment, holder } = held.acquisition;
      held.expiresAt = expiresAt;
      if (kind === "renewed") continue;
      this.leave(assignment.projectKey, holder.id);
      if (kind === "lost") report(assignment, this.#store.location);
    }
  }
}

/** `released`: the port was released on purpose. `lost`: it belongs to another project by now. */
type Renewal =
  | { readonly kind: "renewed"; readonly document: RegistryDocument }
  | { readonly kind: "released" }
  | { readonly kind: "lost" };

function renewIn(document: RegistryDocument, held: Held, holder: Holder, now: Date): Renewal {
  const { assignment, generation } = held.acquisition;
  const { projectKey, port, webPort } = assignment;
  const entry = entryOf(document, projectKey);
  if (entry !== undefined) {
    if (entry.assignment.port !== port) return { kind: "lost" };
    const before = document.holders.get(projectKey) ?? [];
    const others = before.filter(({ id }) => id !== holder.id);
    const { since, restarts_until } = before.find(({ id }) => id === holder.id) ?? {};
    const kept = { ...(since && { since }), ...(restarts_until && { restarts_until }) };
    const record = { ...toHolderRecord(holder), ...kept };
    return { kind: "renewed", document: withHolders(document, projectKey, [...others, record]) };
  }
  if (isReleased(document, held, now)) return { kind: "released" };
  const taken = document.assignments.flatMap((other) => [
    other.port,
    document.details.get(other.project_path)?.web_port,
  ]);
  if (taken.includes(port) || (webPort !== undefined && taken.includes(webPort))) return { kind: "lost" };
  const detail = toDetail(assignment, generation);
  return { kind: "renewed", document: withEntry(document, { assignment, detail, holders: [holder] }) };
}

/**
 * Whether an entry that is missing was released or cleared. If not, the server lost it, which begins a grace period; or the
 * holder was late and treated as gone, which cannot happen before its lease has ended.
 */
function isReleased({ history, server }: RegistryDocument, { acquisition, expiresAt }: Held, now: Date): boolean {
  const { projectKey, assignedAt } = acquisition.assignment;
  const isLost = server?.grace_until !== undefined && new Date(server.grace_until) > now;
  if (!isLost && now < expiresAt) return true;
  const releasedAt = history.map((past) => (past.project === projectKey ? new Date(past.released_at) : undefined));
  return releasedAt.some((time) => time !== undefined && assignedAt <= time && time < expiresAt);
}

/**
 * The holder of a request as the shared registry keeps it: with its host name, and with its expiry by the server's clock.
 * A lease begins now, because the request may have waited for longer than a lease. A time that the caller gave is by the
 * clock of its host.
 */
export function holderOn(shared: SharedStore, request: Pick<AssignRequest, "holder" | "isRenewed">): Holder {
  const holder = withHostName(request.holder);
  if (request.isRenewed) return leased(holder, shared);
  return holder.expiresAt === undefined ? holder : { ...holder, expiresAt: timeOn(shared, holder.expiresAt) };
}

/** A time by this host's clock as the server's clock has it. */
export function timeOn(shared: SharedStore, time: Date): Date {
  const aheadMs = shared.now().getTime() - Date.now();
  return Math.abs(aheadMs) < TOLERATED_MS ? time : new Date(time.getTime() + aheadMs);
}

function withHostName(holder: Holder): Holder {
  const hostName = hostname();
  if (holder.kind === "manual")
    return { ...holder, ...(holder.directory && { directory: { hostName, ...holder.directory } }) };
  return holder.process === undefined ? holder : { ...holder, process: { hostName, ...holder.process } };
}

/** The holder with the time at which it expires unless it is renewed. */
export function leased<H extends Holder>(holder: H, { leaseMs, now }: SharedStore): H & { readonly expiresAt: Date } {
  return { ...holder, expiresAt: new Date(now().getTime() + leaseMs) };
}

function keyOf(projectKey: string, holderId: string): string {
  return JSON.stringify([projectKey, holderId]);
}

function report({ projectKey, port }: PortAssignment, location: string): void {
  const message =
    `Port ${port} of ${projectKey} was given to another project, because this process could not renew it in time ` +
    `(registry ${location}). Stop using it, and start again to get a port.`;
  warn(message, "PORT_LOST");
}
