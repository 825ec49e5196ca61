import { isAbsolute } from "node:path";
import type { ContainerEngine, EngineContainer } from "../../docker/engine.ts";
import { hasControlCharacter } from "../../settings/checks.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import type { Store } from "../../stores/store.ts";
import { withoutGone } from "../document/edit-document.ts";
import type { Holder } from "../holder.ts";
import type { PortProbe } from "../host/port-probe.ts";
import { canonicalPath } from "../project.ts";
import { askEngine, type EngineReport, notAsked } from "./engine-report.ts";
import { goneContainers, observeHolders } from "./holders.ts";
import type { Liveness, Verdict } from "./liveness.ts";
import { observeMakers } from "./makers.ts";
import { LABEL_COMPOSE_DIRECTORY, type Owner, ownershipOf } from "./ownership.ts";

/**
 * The state of the world outside the document, taken before the lock. Holders that joined later were not checked and count
 * as alive, because they have only just come.
 */
export type Survey = {
  /** The registry for which the survey was made; containers of other registries are foreign. */
  readonly registryPath: string;
  /** The document at that time; later changes were not checked. */
  readonly document: RegistryDocument;
  readonly engine: EngineReport;
  /** False if the engine was not asked, because no port had to be chosen. */
  readonly isEngineAsked: boolean;
  verdictOf(holder: Holder): Verdict;
  /** The verdict on the process that made a container of this registry; `unknown` without such a label. */
  makerVerdictOf(container: EngineContainer): Verdict;
  composeDirectoryOf(container: EngineContainer): string | undefined;
};

/** The registry's store, engine and test seams. */
export type RegistryContext = {
  readonly store: Store;
  readonly engine: ContainerEngine | undefined;
  readonly clock: () => Date;
  /** Undefined if the ports open on another host; certain only after the engine has answered. */
  readonly probe: PortProbe | undefined;
  readonly liveness: Liveness;
};

/** Observes the document's holders and, if a port must be chosen, asks the engine. */
export async function takeSurvey(
  context: RegistryContext,
  document: RegistryDocument,
  isEngineAsked: boolean,
): Promise<Survey> {
  const { store, engine, liveness } = context;
  // Holders first: a holder that was gone before the containers were listed cannot have made a container after that.
  const verdictOf = await observeHolders(document, context);
  const report = isEngineAsked ? await askEngine(engine, document.engines) : notAsked(engine);
  const isContainerGone = await goneContainers(document, report, engine);
  return {
    registryPath: store.location,
    document,
    engine: report,
    isEngineAsked,
    verdictOf: (holder) => {
      const verdict = verdictOf(holder);
      return verdict === "unknown" && isContainerGone(holder) ? "gone" : verdict;
    },
    makerVerdictOf: await observeMakers(report, store.location, liveness),
    composeDirectoryOf: composeDirectories(),
  };
}

/** The document without holders and waiters that are provably gone. */
export function withoutDead(document: RegistryDocument, { verdictOf }: Survey): RegistryDocument {
  return withoutGone(document, (holder) => verdictOf(holder) === "gone");
}

/** Noted for an assignment that was used on several engines: none of them alone proves that it has no container. */
export const SEVERAL_ENGINES = "several engines";

/** The engine of an assignment as the document notes it: its ID, or its address if it did not answer. */
export function engineNote({ engine, isEngineAsked }: Survey, before?: string): { readonly engine?: string } {
  if (!isEngineAsked || (before !== undefined && !engine.isReachable)) return {};
  const noted = engine.isReachable ? engine.id : engine.endpoint;
  if (noted === undefined) return {};
  return { engine: [undefined, noted, engine.endpoint].includes(before) ? noted : SEVERAL_ENGINES };
}

/** Resolves each directory once. */
function composeDirectories(): (container: EngineContainer) => string | undefined {
  const directories = new Map<string | undefined, string | undefined>();
  return (container) => {
    const label = container.labels[LABEL_COMPOSE_DIRECTORY];
    if (!directories.has(label)) directories.set(label, composeDirectory(container));
    return directories.get(label);
  };
}

/**
 * The directory that docker compose made a container for, with symbolic links resolved. It comes from a label, which may
 * contain anything.
 */
export function composeDirectory({ labels }: EngineContainer): string | undefined {
  const label = labels[LABEL_COMPOSE_DIRECTORY];
  if (label === undefined || !isAbsolute(label) || hasControlCharacter(label)) return undefined;
  return canonicalPath(label);
}

/** The containers that are evidence for an assignment: its own, and those that may be its own. */
export function containersOf(survey: Survey, document: RegistryDocument, owner: Owner): readonly EngineContainer[] {
  if (!survey.engine.isReachable) return [];
  const view = { ...survey, document };
  return survey.engine.containers.filter((container) => {
    const ownership = ownershipOf(container, owner, view);
    return ownership.kind !== "foreign" || ownership.isUncertain;
  });
}
