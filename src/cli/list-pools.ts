import { poolsAt } from "../registry/open-store.ts";
import { PortRegistry } from "../registry/registry.ts";
import { assignmentJson } from "../report/assignment-json.ts";
import { assignmentTable } from "../report/assignment-table.ts";
import { isRedisUrl, resolveRegistryPath } from "../settings/config.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import { type ListOptions, list } from "./list.ts";
import { filterOf } from "./list-filter.ts";
import { standardOutput } from "./terminal.ts";

/** `iris-ports list --all`: every pool that a Redis server keeps. A file is one pool. @throws RegistryAccessError */
export async function listPools(options: ListOptions): Promise<void> {
  const { registry, range, json } = options;
  const argument = registry === undefined ? "IRIS_PORT_REGISTRY" : "--registry";
  const url = resolveRegistryPath(registry, argument);
  if (!isRedisUrl(url)) return list(options);
  const matches = filterOf(options.filter);
  const terminal = standardOutput();
  const pools = [];
  for (const { name, store } of await poolsAt(url, argument)) {
    // The containers of another pool are on another engine, which is not queried.
    const pool = new PortRegistry({ store, engine: false, portRange: range });
    pools.push({ name, assignments: (await pool.listAll()).filter(matches) });
  }
  if (json) {
    const shown = pools.map(({ name, assignments }) => ({ pool: name, assignments: assignments.map(assignmentJson) }));
    return terminal.write(`${plainJson(shown)}\n`);
  }
  if (pools.length === 0) terminal.write("The server keeps no pool of ports.\n");
  for (const { name, assignments } of pools) {
    const table = assignments.length === 0 ? "No assignments.\n" : assignmentTable(assignments, terminal, new Date());
    terminal.write(`Pool ${plainText(name)}\n${table}`);
  }
}
