/** Why a path with shell syntax is refused. */
export const NOT_EXPANDED = "Quotes, ~ and variables are not expanded here.";

/** True for a path in quotes, and for one that begins with ~ or a variable, which only a shell would expand. */
export function isShellPath(path: string): boolean {
  return /^(["']).*\1$|^(~|\$\w+|\$\{\w+\})($|[/\\])/.test(path);
}

/** The path as a shell would probably expand it: without quotes, and with ~ and $HOME replaced. */
export function shellExpanded(path: string, home: string | undefined): string {
  const unquoted = path.replace(/^(["'])(.*)\1$/, "$2");
  return home === undefined ? unquoted : unquoted.replace(/^(~|\$HOME|\$\{HOME\})(?=$|[/\\])/, () => home);
}
