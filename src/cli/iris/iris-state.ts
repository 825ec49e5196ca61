import createDebug from "debug";
import type { EngineContainer } from "../../docker/engine.ts";
import { engineWords } from "../../docker/engine-error-kinds.ts";
import { ContainerEngineError } from "../../errors/errors.ts";
import { IRIS_STARTUP_TIMEOUT_MS } from "../../iris/image.ts";
import { diagnoseLog } from "../../iris/log-lines.ts";
import { pingScript, SESSION_COMMAND } from "../../iris/session-scripts.ts";
import { parseSetupOutput } from "../../iris/setup-output.ts";
import { advised } from "../../lifecycle/advice.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { LABEL_REGISTRY } from "../../registry/labels.ts";
import { commandText, projectWords } from "../../settings/command-text.ts";
import { cliAdvice } from "./cli-advice.ts";
import type { FoundIris, OpenIris } from "./open-iris.ts";
import { startRemedy } from "./require-running.ts";
import { stopRemedy } from "./stop-remedy.ts";

const debug = createDebug("iris-ports:session");

/** A session of an IRIS that is ready takes a fraction of a second. */
const SESSION_TIMEOUT_MS = 5_000;
const LOG_LINES = 1_000;
/** A shell's and the engine's exit codes for a command that cannot be executed or does not exist. */
const NO_COMMAND = [126, 127];
const NO_IRIS = "There is no `iris` command in its container.";

/** Whether an IRIS accepts sessions, and why it does not. */
export type IrisState = {
  /**
   * `absent`; `running`, with sessions; `starting`; `failed` if the log reports a failure or there is no IRIS in the
   * container; `unhealthy` if there are no sessions and the image's health check fails or a start takes too long; else the
   * engine's word, such as `exited` or `paused`.
   */
  readonly state: string;
  /** When the container was started; undefined if it does not run. */
  readonly startedAt?: Date;
  readonly reason?: string;
  readonly remedy?: string;
};

/** The state of the IRIS in a container. @throws ContainerEngineError when the engine does not answer */
export async function irisState(open: OpenIris, { assignment, container }: FoundIris): Promise<IrisState> {
  const toStart = startRemedy(open, assignment, container);
  if (container === undefined) return { state: "absent", remedy: toStart };
  const { id, state } = container;
  if (state !== "running") return { state, remedy: toStart, ...(await loggedFailure(open, id)) };
  const [refusal, found] = await Promise.all([sessionRefusal(open, id), open.engine.host.find(id)]);
  const startedAt = new Date(found?.startedAt ?? Date.now());
  if (refusal === undefined) return { state, startedAt };
  const failure =
    (await loggedFailure(open, id)) ?? (refusal === NO_IRIS ? withoutIris(open, assignment, container) : undefined);
  if (failure !== undefined) return { state: "failed", startedAt, ...failure };
  const isLate = Date.now() - startedAt.getTime() > IRIS_STARTUP_TIMEOUT_MS;
  if (!isLate && !found?.isUnhealthy) return { state: "starting", startedAt, reason: refusal };
  const remedy = `see what it has written: ${commandFor("logs", open, assignment)}`;
  return { state: "unhealthy", startedAt, reason: refusal, remedy };
}

type Failure = { readonly reason: string; readonly remedy: string };

function withoutIris(open: OpenIris, assignment: PortAssignment, container: EngineContainer): Failure {
  const isOurs = container.labels[LABEL_REGISTRY] === open.registry.registryPath;
  const remedy = isOurs ? `remove it: ${commandFor("down", open, assignment)}` : stopRemedy(container);
  return { reason: NO_IRIS, remedy };
}

function commandFor(name: string, { registry }: OpenIris, { projectPath, instance }: PortAssignment): string {
  return commandText([name, ...projectWords(projectPath, instance)], registry.registryPath);
}

/** Why IRIS accepts no session; undefined if it does. */
async function sessionRefusal({ engine }: OpenIris, id: string): Promise<string | undefined> {
  try {
    const session = { input: pingScript(), timeoutMs: SESSION_TIMEOUT_MS };
    const { exitCode, stdout } = await engine.host.exec(id, SESSION_COMMAND, session);
    const { isSignedOn, words } = parseSetupOutput(stdout);
    if (isSignedOn) return undefined;
    if (NO_COMMAND.includes(exitCode)) return NO_IRIS;
    return words === undefined ? `A session ended with exit code ${exitCode}.` : `A session says: ${words}.`;
  } catch (error) {
    debug("%s accepts no session: %o", id, error);
    return error instanceof ContainerEngineError
      ? `A session did not end within ${SESSION_TIMEOUT_MS / 1_000} s.`
      : `A session could not be started: ${engineWords(error)}`;
  }
}

/** What the log says about the last start; undefined also if the logging driver cannot be read. */
async function loggedFailure({ engine }: OpenIris, id: string): Promise<Failure | undefined> {
  try {
    const failure = advised(diagnoseLog(await engine.host.log(id, LOG_LINES)), cliAdvice());
    return failure && { reason: failure.what, remedy: failure.remedy };
  } catch (error) {
    debug("the log of %s cannot be read: %o", id, error);
    return undefined;
  }
}
