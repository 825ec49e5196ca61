import { InvalidArgumentError } from "../errors/errors.ts";
import type { ListedAssignment } from "../registry/assignment.ts";

type Key = {
  readonly matches: (assignment: ListedAssignment, value: string) => boolean;
  /** What a value must be, and its description; any value by default. */
  readonly value?: readonly [pattern: RegExp, description: string];
};

const oneOf = (...values: string[]) => [new RegExp(`^(${values.join("|")})$`), `one of ${values.join(", ")}`] as const;

const KEYS = new Map<string, Key>([
  ["project", { matches: ({ projectKey }, value) => projectKey.includes(value) }],
  ["instance", { matches: ({ instance }, value) => (instance ?? "") === value }],
  [
    "port",
    {
      matches: ({ port, webPort }, value) => String(port) === value || String(webPort) === value,
      value: [/^[1-9]\d{0,4}$/, "a port"],
    },
  ],
  ["type", { matches: ({ assignmentType }, value) => assignmentType === value, value: oneOf("auto", "manual") }],
  ["status", { matches: ({ status }, value) => status === value, value: oneOf("active", "stale") }],
  [
    "holder",
    {
      matches: ({ holders }, value) =>
        value === "none" ? holders.length === 0 : holders.some(({ kind }) => kind === value),
      value: oneOf("process", "job", "manual", "none"),
    },
  ],
  [
    "container",
    {
      matches: ({ containerName, evidence }, value) =>
        containerName === value ||
        evidence.some(({ kind, text }) => kind === "container" && text.startsWith(`container ${value} `)),
    },
  ],
]);

/** What `--filter KEY=VALUE` lets through; several of one key are alternatives. @throws InvalidArgumentError */
export function filterOf(texts: readonly string[] = []): (assignment: ListedAssignment) => boolean {
  const filters = Map.groupBy(texts.map(parse), ({ key }) => key);
  return (assignment) =>
    [...filters.values()].every((alternatives) =>
      alternatives.some(({ matches, value }) => matches(assignment, value)),
    );
}

function parse(text: string) {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, at), text.slice(at + 1)];
  const known = at > 0 ? KEYS.get(key) : undefined;
  if (known === undefined)
    throw invalid(
      text,
      `KEY=VALUE, where KEY is one of ${[...KEYS.keys()].join(", ")}; for example --filter status=stale`,
    );
  const { matches, value: [pattern, description] = [/^/, ""] } = known;
  if (!pattern.test(value)) throw invalid(text, `${key}=VALUE, where VALUE is ${description}`);
  return { key, value, matches };
}

function invalid(text: string, permitted: string): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `Invalid --filter: ${JSON.stringify(text)}.`,
    remedy: `give ${permitted}`,
    argument: "--filter",
    value: text,
  });
}
