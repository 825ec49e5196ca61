import { expect, test } from "vitest";
import { EMPTY_DOCUMENT, PortRegistry, parseDocument, type Store, serializeDocument } from "../../src/index.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { freePorts } from "../helpers/free-ports.ts";

/** A store as a user writes one: only with what the package exports. */
function textStore(): Store {
  let text = serializeDocument(EMPTY_DOCUMENT, { revision: 0, commit: "0" }).toString();
  const store: Store = {
    location: "a text",
    read: async () => parseDocument(text).document,
    async update(change) {
      for (;;) {
        const base = text;
        const { document, token } = parseDocument(base);
        const { document: next = document, result } = await change(document);
        if (text !== base) continue;
        const revision = (token?.revision ?? 0) + 1;
        text = serializeDocument(next, { revision, commit: revision.toString(16) }).toString();
        return result;
      }
    },
    replaceUnreadable: (change) => store.update((document) => change(document, undefined)),
    clearObstacles: async () => [],
  };
  return store;
}

test("R6: a registry on a store of the user's gives distinct ports to projects at the same time, and keeps them", async () => {
  const store = textStore();
  const portRange = await freePorts(4);
  const open = () => new PortRegistry({ store, portRange, engine: new FakeEngine() });
  const projects = ["/p/a", "/p/b", "/p/c"];
  const ports = (assigned: readonly { readonly port: number }[]) => assigned.map(({ port }) => port);
  const first = ports(await Promise.all(projects.map((project) => open().assignPort(project))));
  expect(new Set(first).size).toBe(3);
  const registry = open();
  expect(registry.registryPath).toBe("a text");
  expect(ports(await Promise.all(projects.map((project) => registry.assignPort(project))))).toEqual(first);
  expect(await registry.clearAll()).toHaveLength(3);
  expect(await registry.listAll()).toEqual([]);
});
