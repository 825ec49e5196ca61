/** Where and when a process lives, so that a later process with the same pid is not taken for it. */
export type ProcessIdentity = {
  /** The machine, by an id that survives reboots; the host name where the system has none. */
  readonly host: string;
  /** One boot of that machine, or `unknown`. */
  readonly bootId: string;
  /** The pid namespace, or `unknown` where the system has none. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When the process started, in the system's own measure, or `unknown`. */
  readonly startTime: string;
};

type HolderBase = {
  /** Unique among the holders of an assignment; holding twice with one id is holding once. */
  readonly id: string;
  readonly since: Date;
  /** From when on a holder that cannot be observed counts as gone. */
  readonly expiresAt?: Date;
  /** For people: the command, the workflow job. */
  readonly description?: string;
};

/** A process relies on the assignment. */
export type ProcessHolder = HolderBase & { readonly kind: "process"; readonly process: ProcessIdentity };

/** A CI job relies on it: it lives as long as the runner's worker process, or until `expiresAt` where none is seen. */
export type JobHolder = HolderBase & { readonly kind: "job"; readonly process?: ProcessIdentity };

/** A person relies on it, until they release it. */
export type ManualHolder = HolderBase & { readonly kind: "manual" };

/** A live party relying on an assignment. */
export type Holder = ProcessHolder | JobHolder | ManualHolder;
