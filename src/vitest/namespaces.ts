import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, IrisNamespace } from "iris-ports";
import { inject } from "vitest";
import type { ProvidedIris } from "./provided.ts";

/** A namespace for the tests that share it, which is created at the first use. */
export class TestNamespace {
  readonly #name: string;
  #namespace: Promise<IrisNamespace> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** The namespace of one of vitest's workers; the files that the worker runs one after the other share it. */
  static ofWorker(): TestNamespace {
    return new TestNamespace(`${provided().prefix}W${process.env["VITEST_POOL_ID"] ?? "0"}`);
  }

  /** A new namespace, for one file or test. */
  static unique(): TestNamespace {
    return new TestNamespace(`${provided().prefix}X${randomBytes(5).toString("hex").toUpperCase()}`);
  }

  use(): Promise<IrisNamespace> {
    this.#namespace ??= this.#create();
    return this.#namespace;
  }

  async drop(): Promise<void> {
    if (this.#namespace === undefined) return;
    await (await this.#namespace).dropNamespace(this.#name);
    rmSync(join(provided().ledger, this.#name));
  }

  async #create(): Promise<IrisNamespace> {
    const { container, connection, ledger } = provided();
    // Noted before it is created, so that the global setup drops it even if this process is killed.
    writeFileSync(join(ledger, this.#name), "");
    const namespace = await IrisNamespace.of(container, { ...connection, namespace: this.#name });
    await namespace.createNamespace(this.#name);
    return namespace;
  }
}

/** What the global setup has passed. @throws InvalidArgumentError when there is no such setup */
export function provided(): ProvidedIris {
  const iris: ProvidedIris | undefined = inject("iris");
  if (iris !== undefined) return iris;
  throw new InvalidArgumentError({
    what: "No IRIS was started for this run of vitest.",
    remedy: 'set test.globalSetup to "iris-ports/vitest/setup" in vitest.config.ts',
    argument: "globalSetup",
    value: undefined,
  });
}
