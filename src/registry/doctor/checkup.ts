import type { ContainerEngine } from "../../docker/engine.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { DEFAULT_PORT_RANGE, resolvePortRange } from "../../settings/config.ts";
import { EMPTY_DOCUMENT } from "../../stores/document.ts";
import { FileStore } from "../../stores/file-store.ts";
import { type DocumentState, inspectFiles } from "../../stores/registry-files.ts";
import type { Store } from "../../stores/store.ts";
import { observeProcess } from "../evidence/liveness.ts";
import { takeSurvey } from "../evidence/survey.ts";
import { bindProbe } from "../host/port-probe.ts";
import { openStore } from "../open-store.ts";
import { checkAssignments, checkContainers, checkEngine, type Scene } from "./check-assignments.ts";
import { checkFiles } from "./check-files.ts";
import { checkRunners } from "./check-runners.ts";
import { checkServer } from "./check-server.ts";
import { checkNode, checkSettings } from "./check-settings.ts";
import { checkSystem } from "./check-system.ts";
import type { Finding } from "./finding.ts";

/** The registry and the engine to check. */
export type CheckupOptions = {
  /** @default `IRIS_PORT_REGISTRY`, else `~/.iris-devtester/port-registry.json` */
  readonly registryPath?: string | undefined;
  /** @default `IRIS_PORT_RANGE`, else 1972-1981 */
  readonly portRange?: string | undefined;
  readonly engine: ContainerEngine;
};

/**
 * Checks everything a registry depends on. Changes nothing, and reports every problem as a finding instead of throwing.
 */
export async function checkUp({ engine, ...options }: CheckupOptions): Promise<readonly Finding[]> {
  const before = [checkNode(process.versions.node), ...checkSettings(options)];
  const chosenRange = orUndefined(() => resolvePortRange(options.portRange));
  const portRange = chosenRange ?? DEFAULT_PORT_RANGE;
  const store = orUndefined(() => openStore({ ...options, lockTimeoutMs: 0, isDurable: false, engine }));
  // Without a valid registry path, only the engine and the settings are checked.
  const { content, findings } = store === undefined ? NO_REGISTRY : await checkRegistry(store);
  const document = content.kind === "readable" || content.kind === "damaged" ? content.document : EMPTY_DOCUMENT;
  const now = store?.shared?.now() ?? new Date();
  const survey = await takeSurvey(
    {
      store: store ?? new FileStore({ path: "", lockTimeoutMs: 0, isDurable: false }),
      engine,
      clock: () => now,
      probe: undefined,
      liveness: observeProcess,
    },
    document,
    true,
  );
  const probe = engine.isLocal ? bindProbe : undefined;
  return [
    ...before,
    ...findings,
    checkEngine(survey.engine, engine.isLocal),
    ...(store === undefined
      ? []
      : await checkContent(content, { document, survey, registryPath: store.location, portRange, probe, now })),
    ...(engine.isLocal === false || chosenRange === undefined ? [] : await checkSystem(chosenRange)),
    ...(store === undefined || store.shared !== undefined ? [] : checkRunners(store.location)),
  ];
}

type Checked = { readonly content: DocumentState; readonly findings: readonly Finding[] };

const NO_REGISTRY: Checked = { content: { kind: "missing" }, findings: [] };

async function checkRegistry(store: Store): Promise<Checked> {
  if (store.shared !== undefined) return checkServer(store, store.shared);
  const files = await inspectFiles(store.location);
  return { content: files.content, findings: await checkFiles(files) };
}

/** An unreadable document is not checked further; a corrupt one can be rebuilt from the containers, so those are checked. */
async function checkContent({ kind }: DocumentState, scene: Scene): Promise<readonly Finding[]> {
  if (kind === "corrupt") return checkContainers(scene);
  return kind === "readable" || kind === "damaged" || kind === "missing" ? checkAssignments(scene) : [];
}

function orUndefined<T>(resolve: () => T): T | undefined {
  try {
    return resolve();
  } catch (error) {
    // The check of the settings has reported it.
    if (error instanceof IrisPortsError) return undefined;
    throw error;
  }
}
