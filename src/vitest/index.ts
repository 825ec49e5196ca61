/** For vitest: a `test` whose fixture `iris` is a namespace of the run's IRIS. `iris-ports/vitest/setup` starts it. */
import type { IrisNamespace } from "iris-ports";
import { test as base } from "vitest";
import { provided, TestNamespace } from "./namespaces.ts";

/** In the type of `test`, which other packages can extend. */
export type { TestNamespace } from "./namespaces.ts";
export type { IrisTestOptions, NamespaceScope, ProvidedIris } from "./provided.ts";

type Fixtures = {
  /** The namespace of this test; see `irisOptions.namespacePer`. */
  iris: IrisNamespace;
};

let ofWorker: TestNamespace | undefined;

const withFile = base.extend<{ namespaceOfFile: TestNamespace }>({
  namespaceOfFile: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures this one needs
    async ({}, use) => {
      const namespace = TestNamespace.unique();
      await use(namespace);
      await namespace.drop();
    },
    { scope: "file" },
  ],
});

/** vitest's `test`, with the fixture `iris`. */
export const test = withFile.extend<Fixtures>({
  iris: async ({ namespaceOfFile }, use) => {
    const { namespacePer } = provided();
    if (namespacePer === "file") return await use(await namespaceOfFile.use());
    if (namespacePer === "worker") {
      ofWorker ??= TestNamespace.ofWorker();
      return await use(await ofWorker.use());
    }
    const ofTest = TestNamespace.unique();
    try {
      await use(await ofTest.use());
    } finally {
      await ofTest.drop();
    }
  },
});
