import type { Holder } from "./holder.ts";

/** `auto`: chosen by the registry. `manual`: asked for by number. */
export type AssignmentType = "auto" | "manual";

/** `active` while evidence of life is left; `stale` when none is; `released` when given back. */
export type AssignmentStatus = "active" | "stale" | "released";

/** A port of this host that belongs to a project. */
export type PortAssignment = {
  /** Canonical absolute path, without the instance. */
  readonly projectPath: string;
  readonly instance?: string;
  /** What names the assignment in the document: `<path>` or `<path>#<instance>`. */
  readonly projectKey: string;
  readonly port: number;
  /** The registry port of the web server, where one was asked for. */
  readonly webPort?: number;
  readonly assignedAt: Date;
  readonly assignmentType: AssignmentType;
  readonly status: AssignmentStatus;
  /** The name its container has or would have: `iris_<8 hex of md5(project key)>_<port>`. */
  readonly containerName: string;
};

/** One reason to keep an assignment, or not to: what was looked at, and what it says. */
export type Evidence = {
  readonly kind: "holder" | "container" | "age" | "port" | "engine";
  readonly verdict: "alive" | "gone" | "unknown";
  /** For people, e.g. `process 4711 on this host`. */
  readonly text: string;
};

/** A project that waits in the queue for a port. */
export type WaitingProject = {
  readonly projectKey: string;
  readonly since: Date;
  readonly holder: Holder;
};

/** An assignment with those who rely on it and the evidence its status was computed from. */
export type ListedAssignment = PortAssignment & {
  readonly holders: readonly Holder[];
  readonly evidence: readonly Evidence[];
};
