import type { IrisConnection } from "iris-ports";

/** How the tests of a run use IRIS: `test.provide.irisOptions` in vitest's configuration. */
export type IrisTestOptions = {
  /** @default the current Community Edition */
  readonly image?: string;
  /**
   * Who gets a namespace of its own. A `worker` keeps it from file to file; it has as many as vitest runs files at once.
   * @default "worker"
   */
  readonly namespacePer?: "worker" | "file" | "test";
};

/** What the global setup passes to the tests. */
export type ProvidedIris = {
  readonly container: string;
  readonly connection: IrisConnection;
  readonly namespacePer: "worker" | "file" | "test";
  /** What the names of all namespaces of the run begin with. */
  readonly prefix: string;
  /** Where each namespace that is to be dropped at the end has an empty file of its name. */
  readonly ledger: string;
};

declare module "vitest" {
  interface ProvidedContext {
    /** Set by the global setup of `iris-ports/vitest`. */
    iris: ProvidedIris;
    irisOptions: IrisTestOptions;
  }
}
