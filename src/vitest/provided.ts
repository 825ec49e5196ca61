import type { IrisConnection } from "iris-ports";

/** Whether each worker, file or test gets its own namespace. */
export type NamespaceScope = "worker" | "file" | "test";

/** How the tests of a run use IRIS: `test.provide.irisOptions` in vitest's configuration. */
export type IrisTestOptions = {
  /** @default the current Community Edition */
  readonly image?: string;
  /**
   * Whether each worker, file or test gets a namespace of its own. A worker keeps its namespace from file to file; vitest
   * has as many workers as it runs files at once.
   * @default "worker"
   */
  readonly namespacePer?: NamespaceScope;
};

/** What the global setup passes to the tests. */
export type ProvidedIris = {
  readonly container: string;
  readonly connection: IrisConnection;
  readonly namespacePer: NamespaceScope;
  /** The prefix of the names of all namespaces of the run. */
  readonly prefix: string;
  /** A directory with an empty file for each namespace that is to be dropped at the end, named like the namespace. */
  readonly ledger: string;
};

declare module "vitest" {
  interface ProvidedContext {
    /** Set by the global setup of `iris-ports/vitest`. */
    iris: ProvidedIris;
    irisOptions: IrisTestOptions;
  }
}
