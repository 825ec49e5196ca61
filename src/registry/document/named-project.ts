import type { Store } from "../../stores/store.ts";
import { identifyProject, type KnownProject, projectKey } from "../project.ts";

/**
 * The project whose entry a caller means. The Python tool stores a path as it was given: through a symbolic link, relative
 * or with a trailing slash. An entry with exactly this spelling comes before the one of the canonical path, except for
 * a holder that does not hold it.
 * @throws InvalidArgumentError and what reading the registry throws
 */
export async function namedProject(
  store: Store,
  project: string | KnownProject | undefined,
  instance: string | undefined,
  holderId: string | undefined,
): Promise<KnownProject> {
  const identity = identifyProject(project, instance);
  if (typeof project !== "string") return identity;
  const spelled = projectKey(project, instance);
  if (spelled === identity.projectKey) return identity;
  const { assignments, holders } = await store.read();
  const hasEntry = assignments.some((record) => record.project_path === spelled);
  const isMeant = holderId === undefined || holders.get(spelled)?.some(({ id }) => id === holderId) === true;
  return hasEntry && isMeant ? { projectPath: project, instance, projectKey: spelled } : identity;
}
