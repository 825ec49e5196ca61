/** Why a path that is written for a shell is refused. */
export const NOT_EXPANDED = "Quotes, ~ and variables are not expanded here.";

/** True for a path in quotes, or one that begins with ~ or a variable: only a shell makes a path of it. */
export function isShellPath(path: string): boolean {
  return /^(["']).*\1$|^(~|\$\w+|\$\{\w+\})($|[/\\])/.test(path);
}

/** The path that a shell would probably make of it: without quotes, and with ~ and $HOME replaced. */
export function shellExpanded(path: string, home: string | undefined): string {
  const unquoted = path.replace(/^(["'])(.*)\1$/, "$2");
  return home === undefined ? unquoted : unquoted.replace(/^(~|\$HOME|\$\{HOME\})(?=$|[/\\])/, () => home);
}
