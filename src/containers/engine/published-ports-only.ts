import type { ContainerRuntimeClient } from "testcontainers";

/**
 * Corrects Testcontainers' client for podman 4.3 (Debian 12), which lists all ports that an image exposes among the bindings
 * of a container, published or not: Testcontainers waits for every binding, and would give up each start and restart of a
 * container of IRIS. The client itself is changed, because `restart()` uses no other.
 * @see https://github.com/containers/podman/pull/16818
 */
export function listPublishedPortsOnly({ container }: ContainerRuntimeClient): void {
  if (Object.hasOwn(container, "inspect")) return;
  const inspect = container.inspect.bind(container);
  container.inspect = async (handle) => {
    const inspected = await inspect(handle);
    const { HostConfig } = inspected;
    const bindings = Object.entries(HostConfig.PortBindings ?? {}).filter(([, targets]) => targets !== null);
    return { ...inspected, HostConfig: { ...HostConfig, PortBindings: Object.fromEntries(bindings) } };
  };
}
