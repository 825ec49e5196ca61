import type { EngineContainer } from "../../docker/engine.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import { entriesOf } from "../document/edit-document.ts";
import {
  LABEL_CREATOR,
  LABEL_GENERATION,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
} from "../labels.ts";
import { containerName } from "../project.ts";
import type { Verdict } from "./liveness.ts";

/** The label in which docker compose notes the directory that it was called for. */
export const LABEL_COMPOSE_DIRECTORY = "com.docker.compose.project.working_dir";

/**
 * The relation of a container to a project:
 * - `own`: it belongs to the project. It is evidence of life, keeps its port for the project, and is never removed.
 * - `leftover`: this registry made it for the project, and its maker and users are provably gone. It is removed before
 *   its port is handed out.
 * - `foreign`: neither. `isUncertain` if another registry made it for the project, or may have: its port is not handed out,
 *   but it counts as evidence.
 */
export type Ownership =
  | { readonly kind: "own" }
  | { readonly kind: "leftover" }
  | { readonly kind: "foreign"; readonly reason: string; readonly isUncertain?: true };

/** A project, with its ports if it has any. */
export type Owner = {
  readonly projectPath: string;
  readonly instance?: string | undefined;
  readonly projectKey: string;
  readonly containerName?: string;
  readonly port?: number;
  readonly webPort?: number;
};

/** What the rule depends on besides the container and the project. */
export type OwnershipView = {
  readonly registryPath: string;
  /** Without the holders that are gone. */
  readonly document: RegistryDocument;
  /** The process that made a container of this registry. */
  makerVerdictOf(container: EngineContainer): Verdict;
  /** The directory for which docker compose made a container, with symbolic links resolved. */
  composeDirectoryOf(container: EngineContainer): string | undefined;
};

/**
 * The one rule of ownership: used when a port is chosen, when an assignment is judged, by cleaning and by the checkup. A
 * start, which also knows its lease, reads the same labels (`start-decision.ts`). A label counts before a name, because any
 * program can choose a name; labels that come from the image do not count.
 */
export function ownershipOf(container: EngineContainer, owner: Owner, view: OwnershipView): Ownership {
  // A container with the project's name is the project's even if the engine does not list its ports at the moment.
  if (isCopy(container) && !isNamedFor(container, owner))
    return isComposedFor(container, owner, view) ? { kind: "own" } : foreign("it has its labels from its image");
  // A label may be empty: `commit()` blanks the registry's labels in the images that it makes.
  const project = container.labels[LABEL_PROJECT] || undefined;
  if (project !== undefined && !isLabelledFor(container, owner)) return foreign(`it belongs to project ${project}`);
  if (container.labels[LABEL_REGISTRY]) return ownershipInRegistry(container, view);
  const isOwn = project !== undefined || isNamedFor(container, owner) || isComposedFor(container, owner, view);
  return isOwn ? { kind: "own" } : foreign("it was made outside the registry");
}

function ownershipInRegistry(container: EngineContainer, view: OwnershipView): Ownership {
  const registry = container.labels[LABEL_REGISTRY];
  if (!container.labels[LABEL_PROJECT]) return foreign("its labels name no project");
  if (registry !== view.registryPath) return { ...foreign(`the registry ${registry} made it`), isUncertain: true };
  if (!isMadeHere(container, view))
    return { ...foreign("a registry of the same path, perhaps in a container, made it"), isUncertain: true };
  return isLeftover(container, view) ? { kind: "leftover" } : { kind: "own" };
}

function foreign(reason: string) {
  return { kind: "foreign", reason } as const;
}

/** True if the container's labels name this project and instance. */
export function isLabelledFor({ labels }: Pick<EngineContainer, "labels">, { projectPath, instance }: Owner): boolean {
  return labels[LABEL_PROJECT] === projectPath && (labels[LABEL_INSTANCE] || undefined) === instance;
}

/**
 * True if a container has the registry's labels only because its image was made of one of the registry's containers
 * (`docker commit`): it does not have the port for which that one was made.
 */
export function isCopy({ labels, hostPorts }: Pick<EngineContainer, "labels" | "hostPorts">): boolean {
  const port = labels[LABEL_PORT];
  return Boolean(port) && !hostPorts.includes(Number(port));
}

/**
 * True for a copy that publishes the labelled port: its image already has its generation and creator, which are unique to one
 * container.
 */
export function isImageCopy(labels: EngineContainer["labels"], imageLabels: EngineContainer["labels"] = {}): boolean {
  return [LABEL_GENERATION, LABEL_CREATOR].every((name) => labels[name] && labels[name] === imageLabels[name]);
}

/** True for a name by the project's rule. It ends with the port for which the container was made, perhaps a former one. */
function isNamedFor({ name }: EngineContainer, owner: Owner): boolean {
  const port = /_(\d{1,5})$/.exec(name)?.[1];
  return name === owner.containerName || (port !== undefined && name === containerName(owner.projectKey, Number(port)));
}

/** Compose has no instances: an instance owns the containers of its directory that publish its ports. */
function isComposedFor(container: EngineContainer, owner: Owner, view: OwnershipView): boolean {
  if (!container.labels[LABEL_COMPOSE_DIRECTORY] || view.composeDirectoryOf(container) !== owner.projectPath)
    return false;
  if (owner.instance === undefined) return true;
  return container.hostPorts.some((port) => port === owner.port || port === owner.webPort);
}

/**
 * True for a container that this registry made. The registry's path alone does not prove it, because registries inside
 * containers may have the same path. So its maker must be observable from here, or the document must know its generation.
 */
function isMadeHere(container: EngineContainer, { document, ...view }: OwnershipView): boolean {
  if (view.makerVerdictOf(container) !== "unknown") return true;
  const generation = container.labels[LABEL_GENERATION];
  return generation !== undefined && [...document.details.values()].some((detail) => detail.generation === generation);
}

/** True for a container that lived only for holders of this registry, all of whom are gone. */
export function isLeftover(container: EngineContainer, view: OwnershipView): boolean {
  const { labels } = container;
  if (labels[LABEL_REGISTRY] !== view.registryPath || labels[LABEL_LIFETIME] !== "holders") return false;
  if (isCopy(container)) return false;
  const maker = view.makerVerdictOf(container);
  const users = usersByProject(view.document).get(
    nameOf(labels[LABEL_PROJECT] ?? "", labels[LABEL_INSTANCE] || undefined),
  );
  // Without an assignment (cleared, or the document is lost), only the death of its maker proves anything.
  if (users === undefined) return maker === "gone";
  // Its maker may still use it, although the port was released or cleared and belongs to another project since.
  return users === 0 && maker !== "alive" && isMadeHere(container, view);
}

const cache = new WeakMap<RegistryDocument, ReadonlyMap<string, number>>();

/** The number of users of each project's container, also after its port was released or cleared. */
function usersByProject(document: RegistryDocument): ReadonlyMap<string, number> {
  const known = cache.get(document);
  if (known !== undefined) return known;
  const users = new Map<string, number>();
  for (const { assignment, holders } of entriesOf(document)) {
    const count = holders.filter((holder) => holder.usesContainer).length;
    users.set(nameOf(assignment.projectPath, assignment.instance), count);
  }
  for (const past of document.history) {
    if (past.users === undefined) continue;
    const name = nameOf(
      past.instance === undefined ? past.project : past.project.slice(0, -past.instance.length - 1),
      past.instance,
    );
    users.set(name, (users.get(name) ?? 0) + past.users.length);
  }
  cache.set(document, users);
  return users;
}

function nameOf(projectPath: string, instance: string | undefined): string {
  return JSON.stringify([projectPath, instance ?? null]);
}

/** What the last known user of a container knows about it. */
export type Leaver = {
  readonly holderId: string;
  /** True if the registry has recorded this use until now, so that it knows of all other uses as well. */
  readonly isRecorded: boolean;
};

/**
 * Whether the last known user may remove the container. If the registry has lost track of the uses, only if that user made
 * the container, or its maker is provably gone.
 */
export function isRemovableBy(labels: EngineContainer["labels"], leaver: Leaver, maker: Verdict): boolean {
  return leaver.isRecorded || labels[LABEL_CREATOR] === leaver.holderId || maker === "gone";
}
