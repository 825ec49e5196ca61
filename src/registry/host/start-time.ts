/** Stands for a part of a process's identity that the system does not report. */
export const UNKNOWN = "unknown";
/** Stands for the start time of a zombie: a process that has ended, but whose exit code its parent has not read yet. */
export const ENDED = "ended";
