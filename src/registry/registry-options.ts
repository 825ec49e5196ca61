import type { ContainerEngine } from "../docker/engine.ts";
import type { Store } from "../stores/store.ts";
import type { Liveness } from "./evidence/liveness.ts";
import type { PortProbe } from "./host/port-probe.ts";

/** Where a registry is kept and how it works; everything has a default. */
export type PortRegistryOptions = {
  /** Where the document is kept, instead of `registryPath`. */
  readonly store?: Store | undefined;
  /** The document, an absolute path or a `redis://` URL. @default `IRIS_PORT_REGISTRY`, else `~/.iris-devtester/port-registry.json` */
  readonly registryPath?: string | undefined;
  /** First and last port, or `"1972-1981"`. @default `IRIS_PORT_RANGE`, else 1972-1981 */
  readonly portRange?: readonly [number, number] | string | undefined;
  /**
   * How long an operation waits for the registry's lock while the queue for it does not move, in milliseconds; at most six
   * times as long. Also how long for each answer of a Redis server, but at least 2 s and at most 10 s. @default 5000
   */
  readonly lockTimeoutMs?: number | undefined;
  /** Flush every commit to the disk (fsync) before it is acknowledged. @default true */
  readonly isDurable?: boolean | undefined;
  /** The engine to query for containers; `false` disables this. @default the engine that Testcontainers uses */
  readonly engine?: ContainerEngine | false | undefined;
  /** For tests: the time. @default the system's */
  readonly clock?: (() => Date) | undefined;
  /** For tests: whether a port can be bound. @default binds it */
  readonly probe?: PortProbe | undefined;
  /** For tests: whether a process lives. @default asks the system */
  readonly liveness?: Liveness | undefined;
};
