/** The labels a container of a project carries, so that anybody can tell whose it is. Nothing else is exported here. */
export const LABEL_PROJECT = "io.iris-ports.project";
export const LABEL_PORT = "io.iris-ports.port";
export const LABEL_INSTANCE = "io.iris-ports.instance";
export const LABEL_WEB_PORT = "io.iris-ports.web-port";
/** The registry the assignment stands in; an orphan is only ever removed by its own registry. */
export const LABEL_REGISTRY = "io.iris-ports.registry";
/** `holders`: goes when its last holder has gone. `kept`: outlives its holders (`withReuse()`). */
export const LABEL_LIFETIME = "io.iris-ports.lifetime";
/** Which uninterrupted holding of the assignment it was made in; one of an earlier generation is a leftover. */
export const LABEL_GENERATION = "io.iris-ports.generation";
/** The id of the holder that created it. */
export const LABEL_CREATOR = "io.iris-ports.creator";
/** Salted digests of what it was configured with; see `src/lifecycle/fingerprint.ts`. */
export const LABEL_FINGERPRINT = "io.iris-ports.fingerprint";
/** The process that created it, where it is known: tells whether it lives also when the registry's document is lost. */
export const LABEL_CREATOR_PROCESS = "io.iris-ports.creator-process";
