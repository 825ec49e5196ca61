// The labels of a project's container. Every export of this file is public.

/** Label with the project's path. */
export const LABEL_PROJECT = "io.iris-ports.project";
/** Label with the host port. */
export const LABEL_PORT = "io.iris-ports.port";
/** Label with the instance; empty if there is none. */
export const LABEL_INSTANCE = "io.iris-ports.instance";
/** Label with the host port of the web server; empty if there is none. */
export const LABEL_WEB_PORT = "io.iris-ports.web-port";
/** Label with the registry of the assignment. A registry removes only containers that carry its own name here. */
export const LABEL_REGISTRY = "io.iris-ports.registry";
/** Label with `holders` (removed with its last holder) or `kept` (outlives its holders, as with `withReuse()`). */
export const LABEL_LIFETIME = "io.iris-ports.lifetime";
/** Label with the generation, the use of the assignment that it was made for; one of an earlier generation is a leftover. */
export const LABEL_GENERATION = "io.iris-ports.generation";
/** Label with the id of the holder that created it. */
export const LABEL_CREATOR = "io.iris-ports.creator";
/** Label with salted digests of its configuration. */
export const LABEL_FINGERPRINT = "io.iris-ports.fingerprint";
/** Label with the process that created it; empty if unknown. It tells a leftover even if the document was lost. */
export const LABEL_CREATOR_PROCESS = "io.iris-ports.creator-process";
