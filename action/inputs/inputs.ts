import { getInput } from "@actions/core";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { DEFAULT_IRIS_USERNAME, IRIS_CPF_MERGE_VARIABLE, IRIS_STARTUP_TIMEOUT_MS } from "../../src/iris/image.ts";
import { validNamespace, validPassword, validUsername } from "../../src/iris/names.ts";
import { IRIS_SUPERSERVER_PORT } from "../../src/iris/ports.ts";
import { projectKey } from "../../src/registry/project.ts";
import { hasControlCharacter, resolvePortRange, resolveRegistryPath } from "../../src/settings/config.ts";
import { currentJob, type Job } from "../job/job.ts";
import { readContainerOptions } from "./container-options.ts";
import { type ListedFile, readFileList, readFileOrContent } from "./file-or-content.ts";
import {
  checkEnvName,
  invalidInput,
  LONGEST_JOB_MINUTES,
  readChoice,
  readContainerEnv,
  readDurationMs,
  readInteger,
} from "./input-values.ts";

const HIGHEST_PORT = 65_535;

/** The inputs of the step, checked; see action.yml for what they mean. */
export type Inputs = {
  readonly project: string | undefined;
  readonly instance: string | undefined;
  readonly preferredPort: number | undefined;
  readonly portRange: readonly [number, number];
  /** The range was asked for here, so the job's other steps need to know it. */
  readonly isPortRangeGiven: boolean;
  readonly registryPath: string;
  /** False where nobody said where the registry is. */
  readonly isRegistryPathGiven: boolean;
  readonly waitTimeoutMs: number;
  readonly envName: string;
  readonly hasWebPort: boolean;
  readonly maxJobMs: number;
  readonly iris: IrisInputs | undefined;
  readonly matrix: unknown;
  readonly job: Job;
};

/** What to start on the port. */
export type IrisInputs = {
  readonly image: string;
  readonly pull: "missing" | "always" | "never";
  readonly containerPort: number;
  readonly containerEnv: Readonly<Record<string, string>>;
  /** Further options of `docker create`, one word each. */
  readonly containerOptions: readonly string[];
  readonly licenseKey: string | undefined;
  readonly cpfMerge: string | undefined;
  /** Run once, in a container that this step makes. */
  readonly initScripts: readonly ListedFile[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly namespace: string | undefined;
  readonly startTimeoutMs: number;
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
  return {
    project: line("project"),
    instance,
    preferredPort:
      preferredPort === undefined ? undefined : readInteger("preferred-port", preferredPort, 1, HIGHEST_PORT),
    portRange: resolvePortRange(portRange),
    isPortRangeGiven: portRange !== undefined,
    registryPath: resolveRegistryPath(registryPath, "registry-path"),
    isRegistryPathGiven: registryPath !== undefined || Boolean(process.env["IRIS_PORT_REGISTRY"]),
    waitTimeoutMs: readDurationMs("wait-timeout", line("wait-timeout") ?? "0"),
    envName: checkEnvName("env-name", line("env-name") ?? "IRIS_PORT"),
    hasWebPort: readChoice("web-port", line("web-port") ?? "false", ["true", "false"]) === "true",
    maxJobMs: readInteger("max-job-minutes", line("max-job-minutes") ?? "360", 1, LONGEST_JOB_MINUTES) * 60_000,
    iris: readIris(job.workspace),
    matrix: readMatrix(getInput("matrix")),
    job,
  };
}

/** The job that this step belongs to, by those inputs that tell jobs apart. */
export function readJob(): Job {
  return currentJob(line("job-check-run-id"), readMatrix(getInput("matrix")));
}

function readIris(workspace: string): IrisInputs | undefined {
  // Read also where there is no image, so that a mistake does not wait for the day when there is one.
  const username = line("username");
  const password = getInput("password", { trimWhitespace: false }) || undefined;
  const namespace = line("namespace");
  if (password !== undefined) validPassword(password);
  if (username !== undefined && password === undefined) {
    throw invalidInput(
      "username",
      username,
      "comes without a `password`",
      "give both, or none to keep _SYSTEM and its well-known password.",
    );
  }
  const image = line("image");
  const iris = {
    pull: readChoice("pull", line("pull") ?? "missing", ["missing", "always", "never"]),
    containerPort: readInteger(
      "container-port",
      line("container-port") ?? String(IRIS_SUPERSERVER_PORT),
      1,
      HIGHEST_PORT,
    ),
    containerEnv: readContainerEnv("container-env", getInput("container-env")),
    containerOptions: readContainerOptions("container-options", getInput("container-options")),
    licenseKey: readFileOrContent("license-key", getInput("license-key"), { workspace, isSecret: true }),
    cpfMerge: readFileOrContent("cpf-merge", getInput("cpf-merge"), { workspace }),
    initScripts: readFileList("init-scripts", getInput("init-scripts"), workspace),
    username: password === undefined ? undefined : validUsername(username ?? DEFAULT_IRIS_USERNAME),
    password,
    namespace: namespace === undefined ? undefined : validNamespace(namespace),
    startTimeoutMs: readStartTimeoutMs(line("start-timeout")),
  };
  if (iris.cpfMerge !== undefined && iris.containerEnv[IRIS_CPF_MERGE_VARIABLE] !== undefined) {
    const problem = `sets ${IRIS_CPF_MERGE_VARIABLE}, which \`cpf-merge\` needs`;
    throw invalidInput("container-env", IRIS_CPF_MERGE_VARIABLE, problem, "give only one of the two.");
  }
  if (image === undefined) return undefined;
  // A leading hyphen would be an option of the docker command.
  if (!/^[A-Za-z0-9][\w.:/@-]{0,499}$/.test(image)) {
    throw invalidInput(
      "image",
      image,
      "is not a reference to an image",
      "write it as for `docker pull`, e.g. intersystems/iris-community:latest-em.",
    );
  }
  return { image, ...iris };
}

function readStartTimeoutMs(text = String(IRIS_STARTUP_TIMEOUT_MS / 1_000)): number {
  const timeoutMs = readDurationMs("start-timeout", text);
  if (timeoutMs > 0) return timeoutMs;
  throw invalidInput("start-timeout", text, "leaves IRIS no time to start", "write how long it may take, e.g. 180s.");
}

/** The input, or undefined when it is empty. @throws InvalidArgumentError when it has control characters */
function line(name: string): string | undefined {
  const value = getInput(name);
  if (!hasControlCharacter(value)) return value || undefined;
  throw invalidInput(name, value, "has line breaks or other control characters", "write it in one line.");
}

function readMatrix(text: string): unknown {
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError({
      what: "Input `matrix` is not JSON.",
      state: "Nothing was assigned.",
      remedy: "leave the input out: its default is the job's matrix.",
      argument: "matrix",
      value: text.slice(0, 200),
      cause,
    });
  }
}
