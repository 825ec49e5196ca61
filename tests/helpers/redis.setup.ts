import { setTimeout as delay } from "node:timers/promises";
import { ensurePeers } from "../../scripts/ensure-peers.ts";
import { RedisServer } from "./redis-server.ts";

/** A server that has just started may have lost a document, and takes its time. */
const SETTLE_MS = 3_500;

/** Starts one server for all contract tests of the run, and returns what ends it. */
export default async function setup(): Promise<() => Promise<void>> {
  await ensurePeers();
  const server = await RedisServer.startFor(["--appendonly", "yes"]);
  process.env["IRIS_PORTS_TEST_REDIS"] = `redis://127.0.0.1:${server.port}/0`;
  await delay(SETTLE_MS);
  return () => server.dispose();
}
