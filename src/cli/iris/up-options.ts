import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { checkedOptions, type OptionTerms } from "../../docker/container-options.ts";
import { InvalidArgumentError } from "../../errors/errors.ts";
import {
  DEFAULT_IRIS_IMAGE,
  DEFAULT_IRIS_USERNAME,
  IRIS_STARTUP_TIMEOUT_MS,
  IRIS_UID,
  isImageReference,
} from "../../iris/image.ts";
import { validNamespace, validPassword, validUsername } from "../../iris/names.ts";
import { fullPath } from "../../settings/working-directory.ts";
import { utf8Text } from "../../text/utf8-text.ts";
import type { AssignCommandOptions } from "../assign.ts";
import { askSecret } from "../confirm.ts";
import { durationOption } from "../duration-option.ts";

/** The options of `up`. */
export type UpOptions = AssignCommandOptions & {
  readonly project?: string;
  readonly image?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly namespace?: string;
  readonly licenseKey?: string;
  readonly cpfMerge?: string;
  readonly env?: readonly string[];
  readonly containerOption?: readonly string[];
  readonly data?: string;
  readonly pull?: string;
  readonly startTimeout?: string;
  readonly json?: boolean;
};

/** What `up` is to start, checked. */
export type UpRequest = {
  readonly image: string;
  readonly isImageNamed: boolean;
  readonly setup: {
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly namespace?: string | undefined;
  };
  readonly environment: Readonly<Record<string, string>>;
  /** Further options of `docker create`, one word each. */
  readonly containerOptions: readonly string[];
  /** The content of the licence key. */
  readonly licenseKey: string | undefined;
  /** The content of the merge file. */
  readonly cpfMerge: string | undefined;
  readonly dataDirectory: string | undefined;
  readonly pull: "missing" | "always" | "never";
  readonly timeoutMs: number;
};

/** Reads and checks every option, so that a mistake is reported before anything is done. @throws InvalidArgumentError */
export async function readUpOptions(image: string | undefined, options: UpOptions): Promise<UpRequest> {
  if (image !== undefined && options.image !== undefined && image !== options.image)
    throw invalid("--image", options.image, `The image is named twice: ${image} and ${options.image}.`, "name it once");
  const named = image ?? options.image;
  const { username, namespace, passwordFile } = options;
  const password = passwordFile === undefined ? undefined : validPassword(await readPassword(passwordFile));
  if (username !== undefined && password === undefined)
    throw invalid("--username", username, "--username needs --password-file.", "give both, or none to keep _SYSTEM");
  return {
    image: checkImage(named ?? DEFAULT_IRIS_IMAGE),
    isImageNamed: named !== undefined,
    setup: {
      username: password === undefined ? undefined : validUsername(username ?? DEFAULT_IRIS_USERNAME),
      password,
      namespace: namespace === undefined ? undefined : validNamespace(namespace),
    },
    environment: readEnvironment(options.env ?? []),
    containerOptions: (options.containerOption ?? []).flatMap((option) => checkedOptions([option], OPTION_TERMS)),
    licenseKey: contentOf("--license-key", options.licenseKey),
    cpfMerge: contentOf("--cpf-merge", options.cpfMerge),
    pull: pullOption(options.pull ?? "missing"),
    timeoutMs:
      options.startTimeout === undefined
        ? IRIS_STARTUP_TIMEOUT_MS
        : durationOption("--start-timeout", options.startTimeout, { shortestMs: 1 }),
    // Read last, because it creates the directory.
    dataDirectory: options.data === undefined ? undefined : makeDataDirectory(dataPath(options.data)),
  };
}

const OPTION_TERMS: OptionTerms = {
  ports: "`--port` and `--web-port`",
  environment: "`--env`",
  pull: "`--pull`",
  refusal: (value, problem, remedy) =>
    invalid("--container-option", value, `--container-option ${problem}: ${JSON.stringify(value)}.`, remedy),
};

function checkImage(image: string): string {
  if (isImageReference(image)) return image;
  const remedy = `write it as for \`docker pull\`, e.g. ${DEFAULT_IRIS_IMAGE}`;
  throw invalid("image", image, `${JSON.stringify(image)} is not a reference to an image.`, remedy);
}

/** A file, or `-` for standard input, without the line break at its end; a terminal is asked for it. */
async function readPassword(path: string): Promise<string> {
  const option = "--password-file";
  if (path === "-" && process.stdin.isTTY) return (await askSecret("Password: ")) ?? "";
  const content = path === "-" ? await buffer(process.stdin) : bytesOf(option, path);
  return textOf(option, path, content).replace(/\r?\n$/, "");
}

function contentOf(option: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : textOf(option, path, bytesOf(option, path));
}

function textOf(option: string, path: string, bytes: Buffer): string {
  try {
    return utf8Text(bytes);
  } catch (cause) {
    throw unreadable(option, path, cause, "convert it to UTF-8");
  }
}

function bytesOf(option: string, path: string): Buffer {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    // A pipe is what a shell gives for <(command).
    if (stat?.isFile() || stat?.isFIFO()) return readFileSync(fullPath(path));
    const problem = stat ? "is not a file" : "does not exist";
    throw invalid(option, path, `The file of ${option} ${problem}: ${path}.`, "correct the path");
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) throw cause;
    throw unreadable(option, path, cause, "check its path and permissions");
  }
}

function unreadable(option: string, path: string, cause: unknown, remedy: string): InvalidArgumentError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return invalid(option, path, `The file of ${option} cannot be read: ${path} (${reason}).`, remedy);
}

/** `NAME=value`, or `NAME` for its value in this process's environment. */
function readEnvironment(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((definition) => {
      const [, name, value] = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(definition) ?? [];
      // The definition itself may hold a secret.
      if (name === undefined)
        throw invalid(
          "--env",
          undefined,
          "An --env option names no variable.",
          "write NAME=value, or NAME alone to pass on its value from here",
        );
      // biome-ignore lint/style/noProcessEnv: the user names a variable to pass on
      return [name, value ?? process.env[name] ?? ""];
    }),
  );
}

/** An empty path, as from an unset variable, would put IRIS's files into the working directory. */
function dataPath(path: string): string {
  if (path === "") throw invalid("--data", path, "--data names no directory.", "give the path of a directory");
  const full = fullPath(path);
  // Except after the drive letter on Windows.
  if (!full.slice(2).includes(":")) return full;
  const what = `The path of --data has a colon, at which docker would cut it off: ${full}.`;
  throw invalid("--data", path, what, "give a directory whose path has none");
}

/** Creates the directory so that IRIS can write to it; an existing directory is left as it is. */
function makeDataDirectory(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return path;
    if (stat !== undefined) throw invalid("--data", path, `The path of --data is a file: ${path}.`, "give a directory");
    mkdirSync(path);
    if (process.getuid?.() === 0) chownSync(path, IRIS_UID, IRIS_UID);
    else chmodSync(path, 0o777);
    return path;
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalid("--data", path, `The directory of --data cannot be made: ${reason}.`, "correct the path");
  }
}

function pullOption(value: string): UpRequest["pull"] {
  if (value === "missing" || value === "always" || value === "never") return value;
  throw invalid(
    "--pull",
    value,
    `--pull has an unknown value: ${JSON.stringify(value)}.`,
    "write missing, always or never",
  );
}

function invalid(argument: string, value: unknown, what: string, remedy: string): InvalidArgumentError {
  return new InvalidArgumentError({ what, state: "Nothing was started.", remedy, argument, value });
}
