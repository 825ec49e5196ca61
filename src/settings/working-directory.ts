import { isAbsolute, resolve } from "node:path";
import { InvalidArgumentError } from "../errors/errors.ts";
import { osCode } from "../errors/os-code.ts";

/**
 * The absolute form of a path that a caller gave.
 * @param base what a relative path is resolved against; default: the working directory
 * @throws InvalidArgumentError as {@link workingDirectory}
 */
export function fullPath(path: string, base?: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(base ?? workingDirectory(), path);
}

/**
 * The working directory.
 * @throws InvalidArgumentError when it was deleted, or the system cannot name it
 */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const isDeleted = osCode(cause) === "ENOENT";
    throw new InvalidArgumentError({
      what: isDeleted
        ? "The working directory does not exist any more."
        : `The working directory cannot be determined: ${cause instanceof Error ? cause.message : String(cause)}.`,
      ...(isDeleted ? {} : { state: "Its path may be longer than the system allows (4,095 bytes on Linux)." }),
      remedy: "change to another directory, or give absolute paths, also of the project",
      argument: "project",
      value: undefined,
      cause,
    });
  }
}
