import { getInput } from "@actions/core";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { HIGHEST_WITH_WEB_PORT, webPortOf } from "../../src/registry/allocation/web-port.ts";
import { canonicalProject, projectKey } from "../../src/registry/project.ts";
import { isRedisUrl, resolvePortRange, resolveRegistryPath } from "../../src/settings/config.ts";
import { parseRedisUrl, type RedisAddress } from "../../src/stores/redis/redis-address.ts";
import { currentJob, type Job } from "../job/job.ts";
import {
  checkEnvName,
  HIGHEST_PORT,
  invalidInput,
  LONGEST_JOB_MINUTES,
  line,
  readChoice,
  readDurationMs,
  readInteger,
} from "./input-values.ts";
import { type IrisInputs, readIris } from "./iris-inputs.ts";

/** The inputs of the step, checked; see action.yml for what they mean. */
export type Inputs = {
  /** The canonical path. */
  readonly project: string;
  readonly instance: string | undefined;
  readonly preferredPort: number | undefined;
  readonly portRange: readonly [number, number];
  /** True if the input was set, so that later steps need the range. */
  readonly isPortRangeGiven: boolean;
  /** A path, or the URL of a Redis server. */
  readonly registryAddress: string;
  /** Undefined if the registry is a file. */
  readonly redis: RedisAddress | undefined;
  /** False if the registry is the default one. */
  readonly isRegistryPathGiven: boolean;
  readonly waitTimeoutMs: number;
  readonly envName: string;
  readonly hasWebPort: boolean;
  readonly maxJobMs: number;
  readonly iris: IrisInputs | undefined;
  readonly matrix: unknown;
  readonly job: Job;
};

/**
 * Reads every input, so that a mistake is reported before anything is done.
 * @throws InvalidArgumentError
 */
export function readInputs(): Inputs {
  const job = readJob();
  const instance = line("instance");
  if (instance !== undefined) projectKey("/", instance);
  const preferredPort = line("preferred-port");
  const portRange = line("port-range");
  const registryPath = line("registry-path");
  const range = resolvePortRange(portRange);
  const hasWebPort = readChoice("web-port", line("web-port") ?? "false", ["true", "false"]) === "true";
  const preferred =
    preferredPort === undefined ? undefined : readInteger("preferred-port", preferredPort, 1, HIGHEST_PORT);
  if (hasWebPort) checkRoomForWebPort(preferred ?? range[1]);
  const registryAddress = resolveRegistryPath(registryPath, "registry-path");
  const registrySetting = registryPath === undefined ? "IRIS_PORT_REGISTRY" : "registry-path";
  return {
    project: canonicalProject(line("project") ?? ".", job.workspace),
    instance,
    preferredPort: preferred,
    portRange: range,
    isPortRangeGiven: portRange !== undefined,
    registryAddress,
    redis: isRedisUrl(registryAddress) ? parseRedisUrl(registryAddress, registrySetting) : undefined,
    isRegistryPathGiven: registryPath !== undefined || Boolean(process.env["IRIS_PORT_REGISTRY"]),
    waitTimeoutMs: readDurationMs("wait-timeout", line("wait-timeout") ?? "0"),
    envName: checkEnvName("env-name", line("env-name") ?? "IRIS_PORT"),
    hasWebPort,
    maxJobMs: readInteger("max-job-minutes", line("max-job-minutes") ?? "360", 1, LONGEST_JOB_MINUTES) * 60_000,
    iris: readIris(job.workspace),
    matrix: readMatrix(getInput("matrix")),
    job,
  };
}

function checkRoomForWebPort(port: number): void {
  if (port <= HIGHEST_WITH_WEB_PORT) return;
  const problem = `gives port ${port} no web port, because ${port} + ${webPortOf(0)} would be above ${HIGHEST_PORT}`;
  throw invalidInput(
    "web-port",
    "true",
    problem,
    `use ports up to ${HIGHEST_WITH_WEB_PORT}, or leave \`web-port\` out`,
  );
}

/** The job that this step belongs to, by those inputs that tell jobs apart. */
export function readJob(): Job {
  return currentJob(line("job-check-run-id"), readMatrix(getInput("matrix")));
}

function readMatrix(text: string): unknown {
  if (text.trim() === "") return null;
  try {
    const matrix = JSON.parse(text);
    // Forgejo's runner puts the matrix into an object of its own.
    return typeof matrix?.Matrix === "object" ? matrix.Matrix : matrix;
  } catch (cause) {
    throw new InvalidArgumentError({
      what: "Input `matrix` is not JSON.",
      state: "Nothing was assigned.",
      remedy: "leave the input out: its default is the job's matrix",
      argument: "matrix",
      value: text.slice(0, 200),
      cause,
    });
  }
}
