/** In place of a part of a process's identity that the system does not tell. */
export const UNKNOWN = "unknown";
/** In place of a start time if the process has ended but its parent has not read its exit code yet (a zombie). */
export const ENDED = "ended";
