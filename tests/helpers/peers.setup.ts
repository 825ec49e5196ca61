import { ensurePeers } from "../../scripts/ensure-peers.ts";

/** Makes sure that redis-server and docker-compose are there; without them these tests fail. */
export default async function setup(): Promise<void> {
  await ensurePeers();
}
