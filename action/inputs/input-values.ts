import { getInput } from "@actions/core";
import { fitsEnvFile } from "../../src/docker/env-file.ts";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { hasControlCharacter } from "../../src/settings/checks.ts";
import { DURATION_EXAMPLES, parseDurationMs } from "../../src/settings/duration.ts";

export const HIGHEST_PORT = 65_535;

/** Variables that control the runner, the shell, Node and other tools; an input must not change them. */
const RESERVED_NAMES =
  /^(PATH|PATHEXT|HOME|SHELL|USER|LOGNAME|PWD|OLDPWD|IFS|ENV|CDPATH|PS[1-4]|PROMPT_COMMAND|TMPDIR|TEMP|TMP|CI|LANG|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|COMSPEC|SYSTEMROOT|WINDIR|PSMODULEPATH|EDITOR|PAGER|MAKEFLAGS|_?JAVA_(TOOL_)?OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH)$|^(BASH|NODE|NPM|YARN|GITHUB|RUNNER|ACTIONS?|AGENT|INPUT|STATE|LD|DYLD|LC|DOTNET|PYTHON|PERL5?|RUBY|GIT|SSH|DOCKER|BUILDKIT|TESTCONTAINERS|XDG|IRIS_PORTS)_|^(BASHOPTS|SHELLOPTS|GLOBIGNORE|PERLLIB|RUBYOPT|RUBYLIB|PYTHONPATH|PYTHONHOME|ACT|IRIS_PORT_REGISTRY|IRIS_PORT_RANGE|IRIS_HOST|IRIS_WEB_PORT|IRIS_NAMESPACE|IRIS_USERNAME|IRIS_PASSWORD|IRIS_CONTAINER_NAME|IRIS_CONNECTION_URI)$/i;

/** An input that cannot be used. */
export function invalidInput(input: string, value: unknown, problem: string, remedy: string): InvalidArgumentError {
  const shown = JSON.stringify(value) ?? String(value);
  return new InvalidArgumentError({
    what: `Input \`${input}\` ${problem}: ${shown.length > 200 ? `${shown.slice(0, 200)}…` : shown}.`,
    state: "Nothing was assigned.",
    remedy,
    argument: input,
    value,
  });
}

/** @throws InvalidArgumentError unless it is a plain name without a meaning to the runner or other tools */
export function checkEnvName(input: string, name: string): string {
  checkPlainName(input, name);
  if (RESERVED_NAMES.test(name)) {
    throw invalidInput(
      input,
      name,
      "is a variable that the runner, its tools or this action need themselves",
      "choose another name, e.g. SHOP_IRIS_PORT",
    );
  }
  return name;
}

function checkPlainName(input: string, name: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= 200) return;
  throw invalidInput(
    input,
    name,
    "is not a name for an environment variable",
    "use letters, digits and underscores, e.g. IRIS_PORT",
  );
}

/**
 * A container may have variables such as PYTHONPATH, which the docker command would obey if they were its own.
 * @throws InvalidArgumentError unless every line is `NAME=value` or `NAME`
 */
export function readContainerEnv(input: string, text: string): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const line of text.split(/\r?\n/).filter((candidate) => candidate.trim() !== "")) {
    const [, name = "", assigned, value = ""] = /^\s*([^=\s]*)\s*(?:(=)(.*))?$/.exec(line) ?? [];
    // The line itself may contain a secret.
    if (name === "")
      throw invalidInput(input, line.slice(0, 3), "has a line that names no variable", "write one NAME=value per line");
    checkPlainName(input, name);
    env[name] = assigned === undefined ? (process.env[name] ?? "") : value;
    if (!fitsEnvFile(name, env[name])) checkEnvName(input, name);
  }
  return env;
}

/** A job ends after five days at the latest. Node's timers can wait for 24. */
export const LONGEST_JOB_MINUTES = 5 * 24 * 60;

/** Seconds, or a number with `s`, `m` or `h`, in milliseconds. @throws InvalidArgumentError */
export function readDurationMs(input: string, text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw invalidInput(input, text, "is not a duration", `write ${DURATION_EXAMPLES}`);
  if (durationMs <= LONGEST_JOB_MINUTES * 60_000) return durationMs;
  throw invalidInput(input, text, "is longer than a job can take", "write at most 120h");
}

/** @throws InvalidArgumentError unless it is a whole number within the limits */
export function readInteger(input: string, text: string, lowest: number, highest: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= lowest && value <= highest) return value;
  throw invalidInput(input, text, "is not a valid number", `write a whole number from ${lowest} to ${highest}`);
}

/** @throws InvalidArgumentError unless it is one of the choices */
export function readChoice<T extends string>(input: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === text.toLowerCase());
  if (choice !== undefined) return choice;
  throw invalidInput(input, text, "has an unknown value", `write one of ${choices.join(", ")}`);
}

/** The input, or undefined when it is empty. @throws InvalidArgumentError when it has control characters */
export function line(name: string): string | undefined {
  const value = getInput(name);
  if (!hasControlCharacter(value)) return value || undefined;
  throw invalidInput(name, value, "has line breaks or other control characters", "write it in one line");
}
