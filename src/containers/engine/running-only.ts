import type { ContainerRuntimeClient } from "testcontainers";
import { NotRunningError } from "../../lifecycle/start.ts";

/**
 * A client that starts nothing: when Testcontainers reuses a container that has ended, it would start it again, and other
 * processes would do so at the same time.
 */
export function runningOnly(client: ContainerRuntimeClient): ContainerRuntimeClient {
  const start = async (): Promise<void> => {
    throw new NotRunningError("the container does not run");
  };
  const container = Object.create(client.container, { start: { value: start } });
  return Object.create(client, { container: { value: container } });
}
