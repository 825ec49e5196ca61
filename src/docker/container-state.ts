/** Podman's own states, which pass quickly: a container that is about to run, and one whose processes have ended. */
const PODMAN_STATES: ReadonlyMap<string, string> = new Map([
  ["initialized", "created"],
  ["stopped", "exited"],
]);

/** The state of a container in Docker's words. Podman's `stopping` has none, because Docker calls it `running`. */
export function dockerState(state: string): string {
  return PODMAN_STATES.get(state) ?? state;
}
