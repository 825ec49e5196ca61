import type { Reach } from "../lifecycle/reach.ts";
import type { TestcontainersHost } from "./engine/testcontainers-host.ts";

/** A port of the container that a start publishes. */
export type ServedPort = {
  readonly containerPort: number;
  /** True if it was requested, so that wait strategies wait for it. */
  readonly isAwaited: boolean;
};

/** A port and its host port; host port 0 lets the engine choose. */
export type Publication = ServedPort & { readonly hostPort: number };

/** The state of a start before it changes anything. */
export type StartContext = {
  readonly host: TestcontainersHost;
  readonly reach: Reach;
  readonly containerPort: number;
  /** The host addresses to publish on. */
  readonly addresses: readonly string[];
};

/** What a start adds to the user's configuration. */
export type CreateOptions = {
  readonly publications: readonly Publication[];
  readonly name?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** True if it outlives this process. */
  readonly isKept?: boolean | undefined;
  /** True if Testcontainers' own reuse applies, by a hash of the options. */
  readonly isReused?: boolean | undefined;
};
