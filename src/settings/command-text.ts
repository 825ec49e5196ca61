import { environment, isRedisUrl, resolveRegistryPath } from "./config.ts";

/** What starts the command line: a project's dependency is not on PATH, but npx finds it. */
let program: readonly string[] = ["npx", "iris-ports"];

/** For the command line, when it starts: commands are printed without npx, unless npm or npx has started it. */
export function nameProgramAsStarted(): void {
  if (environment().npmCommand === undefined) program = ["iris-ports"];
}

/**
 * A command of `iris-ports` that works as printed: started as this program was, every word quoted for the shell, and with
 * `--registry` if the environment would lead to another registry.
 */
export function commandText(words: readonly string[], registryPath?: string): string {
  const implied = impliedRegistry();
  // The URL of a Redis server may hold a password, which is not shown: the environment names it.
  const isServer = implied !== undefined && registryPath !== undefined && [implied, registryPath].every(isRedisUrl);
  const isImplied = registryPath === undefined || registryPath === implied || isServer;
  return [...program, ...words, ...(isImplied ? [] : ["--registry", registryPath])].map(shellQuoted).join(" ");
}

/** The words that name a project and its instance to a command. */
export function projectWords(projectPath: string, instance: string | undefined): readonly string[] {
  return instance === undefined ? [projectPath] : [projectPath, "--instance", instance];
}

/** A word for a shell of this system, quoted only if necessary. */
export function shellQuoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return process.platform === "win32" ? `"${word}"` : posixQuoted(word);
}

/** A word for a POSIX shell, such as that of a container. */
export function posixQuoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function impliedRegistry(): string | undefined {
  try {
    return resolveRegistryPath();
  } catch {
    // The environment names no valid registry, so the command must name it.
    return undefined;
  }
}
