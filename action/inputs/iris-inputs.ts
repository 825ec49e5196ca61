import { getInput } from "@actions/core";
import {
  DEFAULT_IRIS_IMAGE,
  DEFAULT_IRIS_USERNAME,
  IRIS_CPF_MERGE_VARIABLE,
  IRIS_STARTUP_TIMEOUT_MS,
  isImageReference,
} from "../../src/iris/image.ts";
import { validNamespace, validPassword, validUsername } from "../../src/iris/names.ts";
import { IRIS_SUPERSERVER_PORT } from "../../src/iris/ports.ts";
import { readContainerOptions } from "./container-options.ts";
import { type ListedFile, readFileList, readFileOrContent } from "./file-or-content.ts";
import {
  HIGHEST_PORT,
  invalidInput,
  line,
  readChoice,
  readContainerEnv,
  readDurationMs,
  readInteger,
} from "./input-values.ts";

/** The IRIS to start on the port. */
export type IrisInputs = {
  readonly image: string;
  readonly pull: "missing" | "always" | "never";
  readonly containerPort: number;
  readonly containerEnv: Readonly<Record<string, string>>;
  /** Further options of `docker create`, one word each. */
  readonly containerOptions: readonly string[];
  readonly licenseKey: string | undefined;
  readonly cpfMerge: string | undefined;
  /** Run once in a container that this step creates. */
  readonly initScripts: readonly ListedFile[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly namespace: string | undefined;
  readonly startTimeoutMs: number;
};

/** Inputs without a default that have no effect unless IRIS is started. */
const NEED_IMAGE = [
  "container-env",
  "container-options",
  "license-key",
  "cpf-merge",
  "init-scripts",
  "username",
  "password",
  "namespace",
] as const;

/** The inputs that are set but have no effect, because `image` is empty: often an expression that yields nothing. */
export function inputsWithoutImage(): readonly string[] {
  return line("image") === undefined ? NEED_IMAGE.filter((input) => getInput(input) !== "") : [];
}

/**
 * The inputs about IRIS; undefined without an image.
 * @throws InvalidArgumentError
 */
export function readIris(workspace: string): IrisInputs | undefined {
  // Checked even without an image, so that a mistake is found at once.
  const username = line("username");
  const password = getInput("password", { trimWhitespace: false }) || undefined;
  const namespace = line("namespace");
  if (password !== undefined) validPassword(password);
  if (username !== undefined && password === undefined) {
    throw invalidInput(
      "username",
      username,
      "needs a `password`",
      "give both, or none to keep _SYSTEM and its well-known password",
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
    throw invalidInput("container-env", IRIS_CPF_MERGE_VARIABLE, problem, "give only one of the two");
  }
  if (image === undefined) return undefined;
  if (!isImageReference(image)) {
    throw invalidInput(
      "image",
      image,
      "is not a reference to an image",
      `write it as for \`docker pull\`, e.g. ${DEFAULT_IRIS_IMAGE}`,
    );
  }
  return { image, ...iris };
}

function readStartTimeoutMs(text = String(IRIS_STARTUP_TIMEOUT_MS / 1_000)): number {
  const timeoutMs = readDurationMs("start-timeout", text);
  if (timeoutMs > 0) return timeoutMs;
  throw invalidInput("start-timeout", text, "leaves IRIS no time to start", "write how long it may take, e.g. 180s");
}
