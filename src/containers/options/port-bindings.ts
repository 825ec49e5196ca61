import { getContainerPort, hasHostBinding, type PortWithOptionalBinding } from "testcontainers";

/** Where a port of a container goes, as the engine notes it. */
type Binding = { readonly HostIp?: string; readonly HostPort?: string };

/** `HostConfig.PortBindings`: by the port of the container, such as `1972/tcp`. */
export type PortBindings = Record<string, Binding[]>;

/** A port of the container that its user exposed: such as `1972/tcp`, and the host port, if one was named. */
export type ExposedPort = { readonly key: string; readonly hostPort: number | undefined };

/** The engine's name for a TCP port of a container. */
export function tcpKey(containerPort: number): string {
  return `${containerPort}/tcp`;
}

/** What `withExposedPorts()` was given. */
export function exposedPort(port: PortWithOptionalBinding): ExposedPort {
  const words = typeof port === "object" ? `/${port.protocol ?? "tcp"}` : String(port);
  const protocol = /\/udp$/i.test(words) ? "udp" : "tcp";
  return { key: `${getContainerPort(port)}/${protocol}`, hostPort: hasHostBinding(port) ? port.host : undefined };
}

/** The bindings with an address wherever none is named. */
export function bindingsOn(addresses: readonly string[], bindings: PortBindings): PortBindings {
  const bind = (binding: Binding): Binding[] => {
    if (binding.HostIp !== undefined) return [binding];
    // Where the engine chooses the port it would choose one for each address.
    const isChosenByEngine = Number(binding.HostPort ?? 0) === 0;
    return addresses.slice(0, isChosenByEngine ? 1 : undefined).map((HostIp) => ({ ...binding, HostIp }));
  };
  return Object.fromEntries(Object.entries(bindings).map(([key, targets]) => [key, targets.flatMap(bind)]));
}

/** Where a port of a container goes, by what the engine tells of the container. */
export function bindingsOf(container: ContainerWithBindings, key: string): readonly Binding[] {
  const bindings = container.HostConfig.PortBindings as Readonly<Record<string, Binding[] | null>> | null;
  return bindings?.[key] ?? [];
}

/** The addresses of the host on which a port of a container is published. */
export function publishedAddresses(container: ContainerWithBindings, key: string): readonly string[] {
  return bindingsOf(container, key).map(({ HostIp }) => HostIp ?? "");
}

type ContainerWithBindings = { readonly HostConfig: { readonly PortBindings?: unknown } };
