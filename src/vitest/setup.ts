import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError, IrisRegistryContainer } from "iris-ports";
import type { TestProject } from "vitest/node";
import type { IrisTestOptions, NamespaceScope } from "./provided.ts";

/**
 * vitest's global setup: one IRIS for the run, which watch mode keeps from run to run. At the end it drops the namespaces
 * of the tests and stops using IRIS.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  return await irisSetup()(project);
}

/**
 * Makes a global setup for an IRIS that needs more configuration than its image. Export the result as `setup` from a
 * module of your own.
 * @param configure gets the container before it is started
 */
export function irisSetup(configure?: (container: IrisRegistryContainer) => IrisRegistryContainer) {
  return async (project: TestProject): Promise<() => Promise<void>> => {
    const provided: Partial<Record<"irisOptions", IrisTestOptions>> = project.config.provide;
    const { image, namespacePer = "worker" } = provided.irisOptions ?? {};
    checkNamespacePer(namespacePer);
    const container = new IrisRegistryContainer(image);
    const iris = await (configure?.(container) ?? container).start();
    const ledger = mkdtempSync(join(tmpdir(), "iris-ports-vitest-"));
    project.provide("iris", {
      // By its name, because errors print it in commands.
      container: iris.getName().replace(/^\//, ""),
      connection: {
        host: iris.getHost(),
        port: iris.getPort(),
        namespace: iris.getNamespace(),
        username: iris.getUsername(),
        password: iris.getPassword(),
      },
      namespacePer,
      prefix: `T${randomBytes(4).toString("hex").toUpperCase()}`,
      ledger,
    });
    return async () => {
      try {
        for (const namespace of readdirSync(ledger)) {
          // A failure must not hide the result of the tests. If this is the last user, the container is removed anyway.
          await iris.dropNamespace(namespace).catch((error: Error) => process.emitWarning(error.message));
        }
      } finally {
        rmSync(ledger, { recursive: true, force: true });
        await iris.stop();
      }
    };
  };
}

const NAMESPACE_PER: readonly string[] = ["worker", "file", "test"] satisfies readonly NamespaceScope[];

/** A configuration in JavaScript has no types. */
function checkNamespacePer(value: string): void {
  if (NAMESPACE_PER.includes(value)) return;
  throw new InvalidArgumentError({
    what: `irisOptions.namespacePer is not known: ${JSON.stringify(value)}.`,
    remedy: `write one of ${NAMESPACE_PER.join(", ")}`,
    argument: "namespacePer",
    value,
  });
}
