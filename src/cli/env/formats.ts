import { parseEnv } from "node:util";
import type { PortAssignment } from "../../registry/assignment.ts";
import type { Endpoint } from "./variables.ts";

/** `export NAME='value'` for `eval` in a POSIX shell. */
export function shellLines(variables: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(variables).map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'`);
}

/** `NAME=value` as docker compose, python-dotenv, Node and the dotenv package all read it. */
export function dotenvLines(variables: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${dotenvValue(value)}`);
}

/**
 * The variables whose values Node's --env-file cannot read back: it has no escapes for a value with every quotation
 * mark.
 */
export function unreadableByNode(variables: Readonly<Record<string, string>>): readonly string[] {
  const read = parseEnv(dotenvLines(variables).join("\n"));
  return Object.keys(variables).filter((name) => read[name] !== variables[name]);
}

function dotenvValue(value: string): string {
  if (/^[\w@%+:,./~^-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replace(/[\\"$`]/g, "\\$&")}"`;
}

/** The keys of `.iris-agentic-dev.toml`. @see https://github.com/intersystems-community/iris-agentic-dev */
export function tomlLines({ webPort }: PortAssignment, { host, namespace, username }: Endpoint): readonly string[] {
  // JSON's strings are TOML's basic strings.
  const text = JSON.stringify;
  return [
    `host = ${text(host)}`,
    `web_port = ${webPort}`,
    `namespace = ${text(namespace)}`,
    `username = ${text(username)}`,
  ];
}
