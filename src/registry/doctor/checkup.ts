import type { ContainerEngine } from "../../docker/engine.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { DEFAULT_PORT_RANGE, resolvePortRange, resolveRegistryPath } from "../../settings/config.ts";
import { EMPTY_DOCUMENT } from "../../stores/document.ts";
import { FileStore } from "../../stores/file-store.ts";
import { type DocumentState, inspectFiles } from "../../stores/registry-files.ts";
import { observeProcess } from "../evidence/liveness.ts";
import { lookAround } from "../evidence/survey.ts";
import { bindProbe } from "../host/port-probe.ts";
import { checkAssignments, checkContainers, checkEngine, type Scene } from "./check-assignments.ts";
import { checkFiles } from "./check-files.ts";
import { checkNode, checkSettings } from "./check-settings.ts";
import type { Finding } from "./finding.ts";

/** Which registry is looked at, and which engine is asked. */
export type CheckupOptions = {
  /** @default `IRIS_PORT_REGISTRY`, else `~/.iris-devtester/port-registry.json` */
  readonly registryPath?: string;
  /** @default `IRIS_PORT_RANGE`, else 1972-1981 */
  readonly portRange?: string;
  readonly engine: ContainerEngine;
};

/**
 * Looks at everything a registry depends on. Changes nothing, and never throws for what is wrong: that is what it is to
 * find.
 */
export async function checkUp({ engine, ...options }: CheckupOptions): Promise<readonly Finding[]> {
  const before = [checkNode(process.versions.node), ...checkSettings(options)];
  const registryPath = orUndefined(() => resolveRegistryPath(options.registryPath));
  const portRange = orUndefined(() => resolvePortRange(options.portRange)) ?? DEFAULT_PORT_RANGE;
  // A path that names no file has none to look at: the engine is asked all the same.
  const files = registryPath === undefined ? undefined : await inspectFiles(registryPath);
  const document = files?.content.kind === "readable" ? files.content.document : EMPTY_DOCUMENT;
  const now = new Date();
  const survey = await lookAround(
    {
      store: new FileStore({ path: registryPath ?? "", lockTimeoutMs: 0, isDurable: false }),
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
    ...(files === undefined ? [] : await checkFiles(files)),
    checkEngine(survey.engine, engine.isLocal),
    ...(registryPath === undefined || files === undefined
      ? []
      : await checkContent(files.content, { document, survey, registryPath, portRange, probe, now })),
  ];
}

/** What cannot be read says nothing; what is corrupt can at least be rebuilt from the containers. */
async function checkContent({ kind }: DocumentState, scene: Scene): Promise<readonly Finding[]> {
  if (kind === "corrupt") return checkContainers(scene);
  return kind === "readable" || kind === "missing" ? checkAssignments(scene) : [];
}

function orUndefined<T>(resolve: () => T): T | undefined {
  try {
    return resolve();
  } catch (error) {
    // The settings' own check has said so.
    if (error instanceof IrisPortsError) return undefined;
    throw error;
  }
}
