import { createHash } from "node:crypto";
import { isAbsolute, resolve } from "node:path";
import { InvalidArgumentError } from "../errors/errors.ts";
import { hasControlCharacter, isLossless, shown } from "../settings/checks.ts";
import { environment } from "../settings/config.ts";
import { realPath } from "../settings/real-path.ts";
import { isShellPath, NOT_EXPANDED, shellExpanded } from "../settings/shell-path.ts";
import { fullPath, workingDirectory } from "../settings/working-directory.ts";
import { isReservedKey } from "../stores/reconcile.ts";

/** Longer than any system allows; Windows allows 32,767. */
const LONGEST_PATH = 32_767;

/**
 * The owner of a port: an absolute path with symbolic links resolved, without trailing slash, with a capital drive letter.
 * The directory need not exist. Default: `IRIS_PORTS_PROJECT`, else the working directory.
 * @param base what a relative path is resolved against; default: the working directory
 * @throws InvalidArgumentError when it is empty, has control characters or shell syntax, or `IRIS_PORTS_PROJECT`
 * is relative
 */
export function canonicalProject(project?: string, base?: string): string {
  const fromEnvironment = environment().project;
  const [argument, value] =
    project !== undefined
      ? ["project", project]
      : fromEnvironment !== undefined
        ? ["IRIS_PORTS_PROJECT", fromEnvironment]
        : ["the working directory", workingDirectory()];
  if (typeof value !== "string") throw invalidProject(argument, value, "is not a path");
  if (value.trim() === "") throw invalidProject(argument, value, "is empty");
  if (value.length > LONGEST_PATH) throw invalidProject(argument, value, "is longer than any path");
  if (hasControlCharacter(value)) throw invalidProject(argument, value, "has control characters", RENAME);
  // Taken as a relative path, it would silently name another project.
  if (isShellPath(value)) throw shellProject(argument, value);
  // Processes have different working directories, so a relative path in the environment would name many projects.
  if (project === undefined && !isAbsolute(value)) throw invalidProject(argument, value, "is relative");
  const real = canonicalPath(fullPath(value, base));
  // Two directories whose names differ only in such bytes would count as one project.
  if (!isLossless(real)) throw invalidProject(argument, real, "has a name that is not valid UTF-8", RENAME);
  if (isReservedKey(real)) throw invalidProject(argument, real, "has a name that the registry uses itself", RENAME);
  return real;
}

/** An absolute path with symbolic links resolved as far as it exists, and the drive letter in capitals. */
export function canonicalPath(path: string): string {
  const real = realPath(resolve(path));
  return process.platform === "win32" ? real.replace(/^[a-z]:/, (drive) => drive.toUpperCase()) : real;
}

/** A project as its assignment names it: fixed when the port was taken, even if the directory is moved or deleted later. */
export type KnownProject = {
  /** Canonical absolute path, without the instance. */
  readonly projectPath: string;
  /** The key of the assignment in the document: `<path>` or `<path>#<instance>`. */
  readonly projectKey: string;
  /** The name of the instance, if there is one. */
  readonly instance?: string | undefined;
};

/** A project and one of its instances. */
export type ProjectIdentity = KnownProject & { readonly instance: string | undefined };

/**
 * The project and instance of a call. An assignment can be passed as itself. `IRIS_PORTS_INSTANCE` belongs to
 * `IRIS_PORTS_PROJECT` and counts only if neither project nor instance is given: this is how a test inside a CI job finds
 * the assignment that the job's first step made.
 * @throws InvalidArgumentError
 */
export function identifyProject(project?: string | KnownProject, instance?: string): ProjectIdentity {
  if (isKnownProject(project)) return { instance: undefined, ...project };
  const fromEnvironment = environment();
  const isFromEnvironment = project === undefined && instance === undefined && fromEnvironment.project !== undefined;
  const named = isFromEnvironment ? fromEnvironment.instance : instance;
  const projectPath = canonicalProject(project);
  return { projectPath, instance: named, projectKey: projectKey(projectPath, named) };
}

/** Any other key would make the document unreadable for all users. */
function isKnownProject(project: unknown): project is KnownProject {
  const { projectPath, projectKey: key, instance } = (project ?? {}) as Partial<KnownProject>;
  if (typeof projectPath !== "string" || !["undefined", "string"].includes(typeof instance)) return false;
  return key !== "" && key === (instance === undefined ? projectPath : `${projectPath}#${instance}`);
}

/**
 * The key of an assignment in the document: `<path>`, or `<path>#<instance>`.
 * @throws InvalidArgumentError when the instance is not a plain name
 */
export function projectKey(projectPath: string, instance?: string): string {
  if (instance === undefined) return projectPath;
  if (!isInstanceName(instance)) {
    throw new InvalidArgumentError({
      what: `instance is not a usable name: ${shown(instance)}.`,
      remedy: "use up to 100 letters, digits, dots, underscores and hyphens, beginning with a letter or digit",
      argument: "instance",
      value: instance,
    });
  }
  return `${projectPath}#${instance}`;
}

/** True for a valid name of an instance. */
export function isInstanceName(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(value);
}

/** The name of a project's container, by the Python tool's rule, so that both tools recognise each other's containers. */
export function containerName(key: string, port: number): string {
  return `iris_${createHash("md5").update(key).digest("hex").slice(0, 8)}_${port}`;
}

function shellProject(argument: string, value: string): InvalidArgumentError {
  const expanded = shellExpanded(value, environment().home);
  return new InvalidArgumentError({
    what: `${argument} contains shell syntax: ${shown(value)}.`,
    state: NOT_EXPANDED,
    remedy: isShellPath(expanded) || expanded === "" ? "give the path itself" : `give the path itself: ${expanded}`,
    argument,
    value,
  });
}

const RENAME = "rename the directory, or use another one";

function invalidProject(
  argument: string,
  value: unknown,
  problem: string,
  remedy = "give the absolute path of the project's directory",
): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${argument} ${problem}: ${shown(value)}.`,
    remedy,
    argument,
    value,
  });
}
