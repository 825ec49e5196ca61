import { type ListedPort, publishedPorts } from "./published-ports.ts";

/** The reliable fields of a container in the engine's list. */
export type ListedContainer = {
  readonly Id: string;
  readonly State: string;
  readonly Names?: readonly string[] | null;
  readonly Image?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Ports?: readonly ListedPort[] | null;
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, unknown>> | null } | null;
};

/** The ids must be strings without special characters, because they become part of request paths. */
export function isListedContainer(value: unknown): value is ListedContainer {
  const row = value as Partial<ListedContainer> | null;
  return typeof row?.Id === "string" && /^[\w.-]+$/.test(row.Id) && typeof row.State === "string";
}

/**
 * False for a container that does not run, or was disconnected from every network: the list shows no ports for it, but it
 * takes its ports again when it is started or connected.
 */
export function isPublishing({ State, Ports, NetworkSettings }: ListedContainer): boolean {
  const networks = Object.keys(NetworkSettings?.Networks ?? { unknown: true });
  return ["running", "paused"].includes(State) && (networks.length > 0 || publishedPorts(Ports).length > 0);
}

/** Links of other containers are listed as names as well, with a second slash. */
export function nameOf({ Names }: ListedContainer): string {
  const names = (Names ?? []).map((name) => name.replace(/^\//, ""));
  return names.find((name) => !name.includes("/")) ?? "";
}
