import { isRedisUrl, resolveRegistryPath } from "./config.ts";

/**
 * A command of `iris-ports` that works as printed: every word quoted for the shell, and with `--registry` if the
 * environment would lead to another registry.
 */
export function commandText(words: readonly string[], registryPath?: string): string {
  const implied = impliedRegistry();
  // The URL of a Redis server may hold a password, which is not shown: the environment names it.
  const isServer = implied !== undefined && registryPath !== undefined && [implied, registryPath].every(isRedisUrl);
  const isImplied = registryPath === undefined || registryPath === implied || isServer;
  return ["iris-ports", ...words, ...(isImplied ? [] : ["--registry", registryPath])].map(shellQuoted).join(" ");
}

/** The words that name a project and its instance to a command. */
export function projectWords(projectPath: string, instance: string | undefined): readonly string[] {
  return instance === undefined ? [projectPath] : [projectPath, "--instance", instance];
}

/** A word for a shell, quoted only if necessary. */
export function shellQuoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return process.platform === "win32" ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`;
}

function impliedRegistry(): string | undefined {
  try {
    return resolveRegistryPath();
  } catch {
    // The environment names no valid registry, so the command must name it.
    return undefined;
  }
}
