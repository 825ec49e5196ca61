import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { osCode } from "../../errors/os-code.ts";
import { SOURCE_FILE } from "../../iris/session/classes.ts";
import { checkText, shown } from "../../settings/checks.ts";
import { fullPath, workingDirectory } from "../../settings/working-directory.ts";

/**
 * The files of a path, sorted: a file, a directory with everything below it, or a glob of `*`, `**`, `?`
 * and `{a,b}`. Of directories and globs only files of classes and routines count.
 * @throws InvalidArgumentError when there is none, or this user cannot read it
 */
export function sourceFiles(path: string): string[] {
  const status = statusOf(checkText(path, "path"));
  if (status?.isFile() && SOURCE_FILE.test(path)) return [fullPath(path)];
  const files = status?.isDirectory() ? filesBelow(fullPath(path)) : status === undefined ? matching(path) : [];
  if (files.length > 0) return files.sort();
  throw new InvalidArgumentError({
    what: `${JSON.stringify(path)} names no file of classes or routines.`,
    state: `It was looked up as ${fullPath(path)}.`,
    remedy: "give a file, a directory, or a glob of files that end in .cls, .mac, .inc, .int or .xml",
    argument: "path",
    value: path,
  });
}

const MAGIC = /[*?{]/;

function matching(glob: string): string[] {
  const parts = glob.split(/[\\/]/);
  const fixed = parts.findIndex((part) => MAGIC.test(part));
  if (fixed < 0) return [];
  const base = resolve(
    isAbsolute(glob) ? `${parts[0]}${sep}` : workingDirectory(),
    ...parts.slice(isAbsolute(glob) ? 1 : 0, fixed),
  );
  const pattern = globPattern(parts.slice(fixed));
  return filesBelow(base).filter((file) => pattern.test(relative(base, file).split(sep).join("/")));
}

function globPattern(parts: readonly string[]): RegExp {
  const text = parts.map((part) => (part === "**" ? "(?:[^/]+/)*" : `${partPattern(part)}/`)).join("");
  return new RegExp(`^${text.replace(/\/$/, "")}$`);
}

function partPattern(part: string): string {
  return part.replaceAll(/\*+|\?|[{},]|[.+^$()|[\]\\]/g, (sign) => {
    if (sign.startsWith("*")) return "[^/]*";
    return { "?": "[^/]", "{": "(?:", "}": ")", ",": "|" }[sign] ?? `\\${sign}`;
  });
}

/** @param above the real paths of the enclosing directories; a link that leads back to one of them is not followed */
function filesBelow(directory: string, above: readonly string[] = []): string[] {
  if (!statusOf(directory)?.isDirectory()) return [];
  const { real, entries } = contentOf(directory);
  if (above.includes(real)) return [];
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory() || (entry.isSymbolicLink() && statusOf(path)?.isDirectory()))
      return entry.name === "node_modules" || entry.name === ".git" ? [] : filesBelow(path, [...above, real]);
    return SOURCE_FILE.test(entry.name) ? [path] : [];
  });
}

function contentOf(directory: string): { readonly real: string; readonly entries: readonly Dirent[] } {
  try {
    return { real: realpathSync(directory), entries: readdirSync(directory, { withFileTypes: true }) };
  } catch (cause) {
    throw unreadable(directory, cause);
  }
}

/** Undefined if nothing is there, or only a link without a target. */
function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(osCode(cause))) return undefined;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `${shown(path)} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy: "give this user access to it, or name the files to import",
    argument: "path",
    value: path,
    cause,
  });
}
