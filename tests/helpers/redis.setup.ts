import { setTimeout as delay } from "node:timers/promises";
import type { TestProject } from "vitest/node";
import { ensurePeers } from "../../scripts/ensure-peers.ts";
import { RedisServer } from "./redis-server.ts";

/** A server that has just started may have lost a document, and takes its time. */
const SETTLE_MS = 3_500;

declare module "vitest" {
  interface ProvidedContext {
    /** Where the contract's tests keep their pools, for those that run on a Redis server. */
    redisUrl?: string;
  }
}

/** Starts one server for all tests of a project, tells them its address, and returns what ends it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await ensurePeers();
  const server = await RedisServer.startFor(["--appendonly", "yes"]);
  project.provide("redisUrl", `redis://127.0.0.1:${server.port}/0`);
  await delay(SETTLE_MS);
  return () => server.dispose();
}
