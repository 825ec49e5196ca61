import type { EngineContainer } from "../../docker/engine.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { PortOccupant } from "../errors.ts";
import { ownershipOf } from "../evidence/ownership.ts";
import type { Survey } from "../evidence/survey.ts";
import type { Holder } from "../holder.ts";
import { LABEL_PORT, LABEL_REGISTRY } from "../labels.ts";
import type { KnownProject } from "../project.ts";

/** Everything that can occupy a port. */
export type PortView = {
  readonly document: RegistryDocument;
  readonly survey: Survey;
  /** Undefined if the ports open on another host. */
  readonly probe: ((port: number) => Promise<boolean>) | undefined;
  /** The requesting project; its own entry and containers do not occupy a port for it. */
  readonly asker: KnownProject & { readonly holder?: Holder };
};

const STOPPED_STATES = ["created", "exited", "dead"];

/** What occupies a port: an assignment, a container in any state, or a listener of this host; undefined if it is free. */
export async function findOccupant(port: number, view: PortView): Promise<PortOccupant | undefined> {
  const { document, probe } = view;
  const project = projectsByPort(document).get(port);
  if (project !== undefined) return { kind: "assignment", port, name: project };
  const publishers = containersOn(port, view.survey);
  const stranger = publishers.find((container) => !isOwn(container, view));
  if (stranger !== undefined) return { kind: "container", port, name: stranger.name };
  // A listener on the port is then the project's own container, unless that container is stopped.
  if (publishers.some(({ state }) => !STOPPED_STATES.includes(state))) return undefined;
  if (probe === undefined || (await probe(port))) return undefined;
  return { kind: "listener", port, name: "" };
}

/**
 * A port that a container of the requesting project publishes; it is tried first. The port for which this registry made
 * the container may lie outside the range: the range may have changed since.
 */
export function ownContainerPort(view: PortView, range: readonly [number, number]): number | undefined {
  const inRange = (port: number) => range[0] <= port && port <= range[1];
  return (
    madeContainer(view)?.port ??
    ownContainers(view)
      .flatMap(({ hostPorts }) => hostPorts)
      .find(inRange)
  );
}

/** The container that this registry made for the requesting project. */
export function madeContainer(view: PortView): PortOccupant | undefined {
  const made = ownContainers(view).find(
    ({ labels, hostPorts }) => labels[LABEL_REGISTRY] && hostPorts.includes(Number(labels[LABEL_PORT])),
  );
  return made && { kind: "container", port: Number(made.labels[LABEL_PORT]), name: made.name };
}

function ownContainers(view: PortView): readonly EngineContainer[] {
  const { engine } = view.survey;
  return engine.isReachable ? engine.containers.filter((container) => isOwn(container, view)) : [];
}

const cache = new WeakMap<RegistryDocument, ReadonlyMap<number, string>>();

// Cached, because a document never changes and a range of a thousand ports asks a thousand times.
function projectsByPort(document: RegistryDocument): ReadonlyMap<number, string> {
  const known = cache.get(document);
  if (known !== undefined) return known;
  const projects = new Map<number, string>();
  for (const { project_path, port } of document.assignments) {
    projects.set(port, project_path);
    const webPort = document.details.get(project_path)?.web_port;
    if (webPort !== undefined) projects.set(webPort, project_path);
  }
  cache.set(document, projects);
  return projects;
}

function containersOn(port: number, survey: Survey): readonly EngineContainer[] {
  if (!survey.engine.isReachable) return [];
  return survey.engine.containers.filter((container) => container.hostPorts.includes(port));
}

function isOwn(container: EngineContainer, { asker, document, survey }: PortView): boolean {
  const { kind } = ownershipOf(container, asker, { ...survey, document });
  // Only a start of the project's container removes a leftover of an earlier one.
  return kind === "own" || (kind === "leftover" && asker.holder?.usesContainer === true);
}
