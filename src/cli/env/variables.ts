import { createHash } from "node:crypto";
import { basename } from "node:path";
import type { PortAssignment } from "../../registry/assignment.ts";

/** The address and login of a project's IRIS, without the password. */
export type Endpoint = { readonly host: string; readonly namespace: string; readonly username: string };

/** The variables that tools read. `COMPOSE_PROJECT_NAME` keeps two checkouts of one repository apart. */
export function variablesOf(
  assignment: PortAssignment,
  { host, namespace, username }: Endpoint,
): Readonly<Record<string, string>> {
  const { port, webPort, containerName, projectPath, instance } = assignment;
  return {
    IRIS_HOST: host,
    IRIS_PORT: String(port),
    ...(webPort === undefined ? {} : { IRIS_WEB_PORT: String(webPort) }),
    IRIS_NAMESPACE: namespace,
    IRIS_USERNAME: username,
    IRIS_CONTAINER_NAME: containerName,
    IRIS_PORTS_PROJECT: projectPath,
    ...(instance === undefined ? {} : { IRIS_PORTS_INSTANCE: instance }),
    COMPOSE_PROJECT_NAME: composeProjectName(assignment),
  };
}

/** Compose appends `-<service>-1`; a name in DNS has at most 63 characters. */
const LONGEST_NAME = 40;

/** The directory's name, and a digest of its whole path. @see https://docs.docker.com/compose/project-name/ */
function composeProjectName({ projectPath, projectKey, instance }: PortAssignment): string {
  const digest = createHash("md5").update(projectKey).digest("hex").slice(0, 8);
  const name = [basename(projectPath), ...(instance === undefined ? [] : [instance])].map(plainName).join("-");
  return `${plainName(name.slice(0, LONGEST_NAME))}-${digest}`;
}

/** A name of lower-case letters, digits, hyphens and underscores that begins with a letter or digit. */
export function plainName(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9_-]+/g, "-");
  return plain.replace(/^[_-]+|[_-]+$/g, "") || "iris";
}
