import type { EngineContainer } from "../../docker/engine.ts";
import { LABEL_COMPOSE_DIRECTORY } from "../../registry/evidence/ownership.ts";
import { shellQuoted } from "../../settings/command-text.ts";

/** How to stop a container that iris-ports did not start. */
export function stopRemedy({ name, labels }: EngineContainer): string {
  if (!labels[LABEL_COMPOSE_DIRECTORY])
    return `stop and remove it: docker stop ${shellQuoted(name)} && docker rm ${shellQuoted(name)}`;
  const directory = shellQuoted(labels[LABEL_COMPOSE_DIRECTORY]);
  // Compose 1, which Debian still ships, is a separate command, and looks for its file in the working directory.
  const isFirst = labels["com.docker.compose.version"]?.startsWith("1.");
  return `stop it where it was started: ${isFirst ? `cd ${directory} && docker-compose` : `docker compose --project-directory ${directory}`} down`;
}
