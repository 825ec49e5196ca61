import type { Holder } from "./holder.ts";

/** `auto`: chosen by the registry. `manual`: asked for by number. */
export type AssignmentType = "auto" | "manual";

/** `active`: in use, or not known to be unused. `stale`: all evidence says unused. `released`: the port is free for other projects. */
export type AssignmentStatus = "active" | "stale" | "released";

/** A port of this host that belongs to a project. */
export type PortAssignment = {
  /** Canonical absolute path, without the instance. */
  readonly projectPath: string;
  /** The name of the instance, if there is one. */
  readonly instance?: string;
  /** The key of the assignment in the document: `<path>` or `<path>#<instance>`. */
  readonly projectKey: string;
  /** The host port. */
  readonly port: number;
  /** The host port of the web server, if one was asked for. */
  readonly webPort?: number;
  /** When the port was assigned. */
  readonly assignedAt: Date;
  /** Whether the port was chosen or asked for by number. */
  readonly assignmentType: AssignmentType;
  /** Whether the assignment is in use. */
  readonly status: AssignmentStatus;
  /** The name of its container, whether it exists or not: `iris_<8 hex of md5(project key)>_<port>`. */
  readonly containerName: string;
};

/** One piece of evidence for or against an assignment being in use. */
export type Evidence = {
  /** What was checked. */
  readonly kind: "holder" | "container" | "age" | "port" | "engine";
  /** The result; one `alive` or `unknown` keeps the assignment. */
  readonly verdict: "alive" | "gone" | "unknown";
  /** In words, for example `process 4711 (node)`. */
  readonly text: string;
};

/** A project that waits in the queue for a port. */
export type WaitingProject = {
  /** The key of the project, as in {@link PortAssignment}. */
  readonly projectKey: string;
  /** Since when it waits. */
  readonly since: Date;
  /** The process or job for which it waits. */
  readonly holder: Holder;
};

/** An assignment with its holders and the evidence from which its status was computed. */
export type ListedAssignment = PortAssignment & {
  /** The processes and jobs that rely on it, and manual holds. */
  readonly holders: readonly Holder[];
  /** Everything that was checked. */
  readonly evidence: readonly Evidence[];
};
