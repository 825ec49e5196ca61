import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { text } from "node:stream/consumers";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { DEFAULT_IRIS_IMAGE, DEFAULT_IRIS_USERNAME, IRIS_STARTUP_TIMEOUT_MS, IRIS_UID } from "../../iris/image.ts";
import { validNamespace, validPassword, validUsername } from "../../iris/names.ts";
import { fullPath } from "../../settings/config.ts";
import type { AssignCommandOptions } from "../assign.ts";
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
    throw invalid(
      "--image",
      options.image,
      `The image is named twice: ${image} and ${options.image}.`,
      "name it once.",
    );
  const named = image ?? options.image;
  const { username, namespace, passwordFile } = options;
  const password = passwordFile === undefined ? undefined : validPassword(await readPassword(passwordFile));
  if (username !== undefined && password === undefined)
    throw invalid(
      "--username",
      username,
      "--username comes without --password-file.",
      "give both, or none to keep _SYSTEM.",
    );
  return {
    image: checkImage(named ?? DEFAULT_IRIS_IMAGE),
    isImageNamed: named !== undefined,
    setup: {
      username: password === undefined ? undefined : validUsername(username ?? DEFAULT_IRIS_USERNAME),
      password,
      namespace: namespace === undefined ? undefined : validNamespace(namespace),
    },
    environment: readEnvironment(options.env ?? []),
    licenseKey: contentOf("--license-key", options.licenseKey),
    cpfMerge: contentOf("--cpf-merge", options.cpfMerge),
    pull: pullOption(options.pull ?? "missing"),
    timeoutMs:
      options.startTimeout === undefined
        ? IRIS_STARTUP_TIMEOUT_MS
        : durationOption("--start-timeout", options.startTimeout),
    // The last one, because it makes something.
    dataDirectory: options.data === undefined ? undefined : makeDataDirectory(fullPath(options.data)),
  };
}

/** A leading hyphen would be an option of the docker command. */
function checkImage(image: string): string {
  if (/^[A-Za-z0-9][\w.:/@-]{0,499}$/.test(image)) return image;
  const remedy = "write it as for `docker pull`, e.g. intersystems/iris-community:latest-em.";
  throw invalid("image", image, `${JSON.stringify(image)} is not a reference to an image.`, remedy);
}

/** A file, or `-` for standard input, without the line break at its end. */
async function readPassword(path: string): Promise<string> {
  const content = path === "-" ? await text(process.stdin) : readFileSync(fileOption("--password-file", path), "utf8");
  return content.replace(/\r?\n$/, "");
}

function contentOf(option: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(fileOption(option, path), "utf8");
}

function fileOption(option: string, path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  // A pipe is what a shell gives for <(command).
  if (stat?.isFile() || stat?.isFIFO()) return fullPath(path);
  const problem = stat ? "is not a file" : "does not exist";
  throw invalid(option, path, `The file of ${option} ${problem}: ${path}.`, "correct the path.");
}

/** `NAME=value`, or `NAME` for the value that it has here. */
function readEnvironment(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((definition) => {
      const [, name, value] = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/.exec(definition) ?? [];
      // The definition itself may hold a secret.
      if (name === undefined)
        throw invalid(
          "--env",
          undefined,
          "An --env names no variable.",
          "write NAME=value, or NAME for its value here.",
        );
      // biome-ignore lint/style/noProcessEnv: the user names a variable to pass on
      return [name, value ?? process.env[name] ?? ""];
    }),
  );
}

/** IRIS must be able to write to a directory that is made for it; one that exists is left as it is. */
function makeDataDirectory(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return path;
  if (stat !== undefined) throw invalid("--data", path, `The path of --data is a file: ${path}.`, "give a directory.");
  try {
    mkdirSync(path);
    if (process.getuid?.() === 0) chownSync(path, IRIS_UID, IRIS_UID);
    else chmodSync(path, 0o777);
    return path;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalid("--data", path, `The directory of --data cannot be made: ${reason}.`, "correct the path.");
  }
}

function pullOption(value: string): UpRequest["pull"] {
  if (value === "missing" || value === "always" || value === "never") return value;
  throw invalid("--pull", value, `--pull is not known: ${JSON.stringify(value)}.`, "write missing, always or never.");
}

function invalid(argument: string, value: unknown, what: string, remedy: string): InvalidArgumentError {
  return new InvalidArgumentError({ what, state: "Nothing was started.", remedy, argument, value });
}
