import { hostname } from "node:os";
import { expect, test } from "vitest";
import { EMPTY_DOCUMENT, type HolderRecord, type RegistryDocument } from "../../src/stores/document.ts";
import { ServerWatch } from "../../src/stores/redis/server-watch.ts";
import { timeText } from "../../src/stores/time-text.ts";

const LEASE_MS = 90_000;

/** So many milliseconds from now. */
const after = (timeMs: number) => timeText(new Date(Date.now() + timeMs));

/** A document of holders whose leases end after these times, on another host. */
function documentOf(leases: readonly number[], { hostName = "another-name", graceMs = Number.NaN } = {}) {
  const holders = leases.map(
    (leaseMs, index): HolderRecord => ({
      id: `holder ${index}`,
      kind: "process",
      since: after(0),
      expires_at: after(leaseMs),
      process: { host: "h", host_name: hostName, boot_id: "b", pid_namespace: "n", pid: 1, start_time: "1" },
    }),
  );
  const server = {
    run_id: "run",
    replication_id: "history",
    ...(Number.isNaN(graceMs) ? {} : { grace_until: after(graceMs) }),
  };
  return { ...EMPTY_DOCUMENT, holders: new Map([["/p/a", holders]]), server } satisfies RegistryDocument;
}

function withoutServer({ server: _, ...document }: RegistryDocument): RegistryDocument {
  return document;
}

const graceOf = (document: RegistryDocument) => new ServerWatch(LEASE_MS).judgeSilence(document)?.grace_until;

test("a grace period begins if no holder of another host has renewed for half a lease", () => {
  expect(Date.parse(graceOf(documentOf([-600_000, 20_000])) ?? "")).toBeGreaterThan(Date.now());
  // The last one was over before the last renewal.
  expect(graceOf(documentOf([20_000], { graceMs: -60_000 }))).toBeDefined();
});

test.each([
  ["one of them has renewed", documentOf([-600_000, 70_000])],
  ["nothing is renewed", documentOf([])],
  ["only holders of this host are silent, which can be observed", documentOf([-1], { hostName: hostname() })],
  ["one has begun since", documentOf([-600_000], { graceMs: -500_000 })],
  ["the server is not known yet", withoutServer(documentOf([-1]))],
])("no grace period begins for silence if %s", (_, document) => {
  expect(graceOf(document)).toBeUndefined();
});
