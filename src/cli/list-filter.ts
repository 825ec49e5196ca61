import { InvalidArgumentError } from "../errors/errors.ts";
import type { ListedAssignment } from "../registry/assignment.ts";

const KEYS: Readonly<Record<string, (assignment: ListedAssignment, value: string) => boolean>> = {
  project: ({ projectKey }, value) => projectKey.includes(value),
  instance: ({ instance }, value) => (instance ?? "") === value,
  port: ({ port, webPort }, value) => String(port) === value || String(webPort) === value,
  type: ({ assignmentType }, value) => assignmentType === value,
  status: ({ status }, value) => status === value,
  holder: ({ holders }, value) =>
    value === "none" ? holders.length === 0 : holders.some(({ kind }) => kind === value),
  container: ({ containerName, evidence }, value) =>
    containerName === value ||
    evidence.some(({ kind, text }) => kind === "container" && text.startsWith(`container ${value} `)),
};

/** What `--filter KEY=VALUE` lets through; several of one key are alternatives. @throws InvalidArgumentError */
export function filterOf(texts: readonly string[]): (assignment: ListedAssignment) => boolean {
  const filters = Map.groupBy(texts.map(parse), ({ key }) => key);
  return (assignment) =>
    [...filters.values()].every((alternatives) =>
      alternatives.some(({ matches, value }) => matches(assignment, value)),
    );
}

function parse(text: string) {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, at), text.slice(at + 1)];
  const matches = at > 0 ? KEYS[key] : undefined;
  if (matches !== undefined) return { key, value, matches };
  throw new InvalidArgumentError({
    what: `--filter is not known: ${JSON.stringify(text)}.`,
    remedy: `give KEY=VALUE, where KEY is ${Object.keys(KEYS).join(", ")}; for example --filter status=stale.`,
    argument: "--filter",
    value: text,
  });
}
