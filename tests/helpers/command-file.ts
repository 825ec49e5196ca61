/** Reads `GITHUB_OUTPUT`, `GITHUB_ENV` and `GITHUB_STATE` as the runner does: `name=value`, or `name<<END`, lines, `END`. */
export function parseCommandFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string;
    if (line === "") continue;
    const [, name, delimiter] = /^([^=]*?)<<(.+)$/.exec(line) ?? [];
    if (name === undefined || delimiter === undefined) {
      const at = line.indexOf("=");
      if (at < 0) throw new Error(`the runner would refuse this line: ${line}`);
      values[line.slice(0, at)] = line.slice(at + 1);
      continue;
    }
    const end = lines.indexOf(delimiter, index + 1);
    if (end < 0) throw new Error(`the runner would miss the end of ${name}`);
    values[name] = lines.slice(index + 1, end).join("\n");
    index = end;
  }
  return values;
}
