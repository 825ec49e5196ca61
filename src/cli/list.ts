import { setTimeout as delay } from "node:timers/promises";
import type { ListedAssignment, WaitingProject } from "../registry/assignment.ts";
import { describeHolder } from "../registry/evidence/staleness.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { assignmentTable, projectText } from "../report/assignment-table.ts";
import { formatAge } from "../text/age.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { filterOf } from "./list-filter.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { Screen } from "./screen.ts";
import { standardOutput, type Terminal } from "./terminal.ts";

export type ListOptions = GlobalOptions & {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly wide?: boolean;
  readonly filter?: readonly string[];
  readonly watch?: boolean;
};

const WATCH_MS = 1_000;

/** `iris-ports list`, with `--watch` until Ctrl-C. */
export async function list(options: ListOptions): Promise<void> {
  const registry = openRegistry(options);
  const matches = filterOf(options.filter);
  const terminal = standardOutput();
  const text = async () => {
    const [assignments, waiting] = await Promise.all([registry.listAll(), registry.listWaiting()]);
    return listText(registry, assignments, assignments.filter(matches), waiting, terminal, options);
  };
  if (!options.watch) return terminal.write(await text());
  using screen = new Screen(terminal);
  while (!screen.isInterrupted) {
    screen.show(await text());
    await delay(WATCH_MS, undefined, { signal: screen.interruption }).catch(() => undefined);
  }
}

async function listText(
  registry: PortRegistry,
  all: readonly ListedAssignment[],
  shown: readonly ListedAssignment[],
  waiting: readonly WaitingProject[],
  terminal: Terminal,
  { json, quiet, wide = false }: ListOptions,
): Promise<string> {
  if (json) return `${plainJson(shown.map(assignmentJson))}\n`;
  if (quiet) return shown.map(({ port }) => `${port}\n`).join("");
  const now = new Date();
  const images = wide ? await imagesOf(registry) : new Map<string, string>();
  const table =
    shown.length > 0
      ? assignmentTable(shown, terminal, now, { isWide: wide, images })
      : all.length > 0
        ? "No assignment matches the filter.\n"
        : `No assignments in ${plainText(registry.registryPath)}.\n`;
  const usage = all.length > 0 ? `${usageText(all, registry.portRange)}\n` : "";
  const queue = waiting.map((project, index) => `${waitingText(project, index, terminal, now)}\n`).join("");
  return table + usage + queue;
}

function usageText(all: readonly ListedAssignment[], [first, last]: readonly [number, number]): string {
  const inside = all.filter(({ port }) => first <= port && port <= last).length;
  const outside = all.length - inside;
  const beyond = outside === 0 ? "" : `, ${outside} outside the range`;
  return `${inside} of ${last - first + 1} ports in use (${first}-${last})${beyond}`;
}

function waitingText(
  { projectKey, since, holder }: WaitingProject,
  index: number,
  terminal: Terminal,
  now: Date,
): string {
  const who = plainText(describeHolder(holder));
  return `Waiting, place ${index + 1}: ${projectText(projectKey, terminal)}, ${who}, for ${formatAge(since, now)}`;
}

/** By container name; empty if the engine does not answer, which the table says. */
async function imagesOf({ engine }: PortRegistry): Promise<ReadonlyMap<string, string>> {
  const containers = await engine?.listContainers().catch(() => []);
  return new Map(containers?.map(({ name, image }) => [name, image]));
}
