import createDebug from "debug";
import type { ContainerEngine, EngineContainer } from "../../docker/engine.ts";
import { EngineAbsentError } from "../../docker/engine-error.ts";

const debug = createDebug("iris-ports:survey");

/** The engine's answer, or the reason why there is none. */
export type EngineReport =
  | {
      readonly isReachable: true;
      readonly endpoint: string;
      /** The engine's own ID, the same at all its addresses. */
      readonly id: string;
      readonly incarnation?: string | undefined;
      readonly containers: readonly EngineContainer[];
    }
  | {
      readonly isReachable: false;
      /** Undefined if no engine is configured or installed. */
      readonly endpoint: string | undefined;
      readonly reason: string;
      readonly error?: unknown;
    };

/** Lists the engine's containers, or says why it could not. */
export async function askEngine(
  engine: ContainerEngine | undefined,
  known?: ReadonlyMap<string, string>,
): Promise<EngineReport> {
  if (engine === undefined)
    return { isReachable: false, endpoint: undefined, reason: "no container engine is configured" };
  try {
    const incarnation = engine.incarnation?.();
    const [id, containers] = await Promise.all([engine.identify?.(known), engine.listContainers()]);
    return { isReachable: true, endpoint: engine.endpoint, id: id ?? engine.endpoint, incarnation, containers };
  } catch (cause) {
    debug("the engine at %s did not answer: %o", engine.endpoint, cause);
    return {
      isReachable: false,
      endpoint: cause instanceof EngineAbsentError ? undefined : engine.endpoint,
      reason: cause instanceof Error ? cause.message : String(cause),
      error: cause,
    };
  }
}

/** Stands for an answer if the engine need not be asked, because no port has to be chosen. */
export function notAsked(engine: ContainerEngine | undefined): EngineReport {
  return { isReachable: false, endpoint: engine?.endpoint, reason: "the container engine was not asked" };
}

/** True if there is no engine at all, so that no container can exist. */
export function isEngineAbsent(engine: EngineReport): boolean {
  return !engine.isReachable && engine.endpoint === undefined;
}
