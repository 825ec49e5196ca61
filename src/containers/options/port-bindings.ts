import { getContainerPort, hasHostBinding, type PortWithOptionalBinding } from "testcontainers";
import type { ExposedPort } from "../../lifecycle/match.ts";

/** A binding of a container port, in the engine's format. */
type Binding = { readonly HostIp?: string; readonly HostPort?: string };

/** `HostConfig.PortBindings`: by the port of the container, such as `1972/tcp`. */
export type PortBindings = Record<string, Binding[]>;

/** The arguments of `withExposedPorts()`. */
export function exposedPort(port: PortWithOptionalBinding): ExposedPort {
  const words = typeof port === "object" ? `/${port.protocol ?? "tcp"}` : String(port);
  const protocol = /\/udp$/i.test(words) ? "udp" : "tcp";
  return { key: `${getContainerPort(port)}/${protocol}`, hostPort: hasHostBinding(port) ? port.host : undefined };
}

/** The bindings, with these addresses added to those without an address. */
export function bindingsOn(addresses: readonly string[], bindings: PortBindings): PortBindings {
  const bind = (binding: Binding): Binding[] => {
    if (binding.HostIp !== undefined) return [binding];
    // The engine would choose a different port for each address.
    const isChosenByEngine = Number(binding.HostPort ?? 0) === 0;
    return addresses.slice(0, isChosenByEngine ? 1 : undefined).map((HostIp) => ({ ...binding, HostIp }));
  };
  return Object.fromEntries(Object.entries(bindings).map(([key, targets]) => [key, targets.flatMap(bind)]));
}
