import type { ContainerRuntimeClient } from "testcontainers";
import { NotRunningError } from "../../lifecycle/start.ts";

/**
 * The client, except that it starts nothing: asked to reuse a container that has ended, Testcontainers would start it
 * again, and others who see it ended would do so at the same time.
 */
export function runningOnly(client: ContainerRuntimeClient): ContainerRuntimeClient {
  const start = async (): Promise<void> => {
    throw new NotRunningError("the container does not run");
  };
  const container = Object.create(client.container, { start: { value: start } });
  return Object.create(client, { container: { value: container } });
}
