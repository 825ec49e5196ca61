import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IrisRegistryContainer } from "iris-ports";
import type { TestProject } from "vitest/node";
import type { IrisTestOptions } from "./provided.ts";

/**
 * vitest's global setup: one IRIS for the run, which watch mode keeps from run to run. At the end the namespaces of the
 * tests are dropped, and IRIS is left.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  return await irisSetup()(project);
}

/**
 * The same for an IRIS that needs more than its image named: the `setup` of a module of your own.
 * @param configure gets the container before it is started
 */
export function irisSetup(configure?: (container: IrisRegistryContainer) => IrisRegistryContainer) {
  return async (project: TestProject): Promise<() => Promise<void>> => {
    const provided: Partial<Record<"irisOptions", IrisTestOptions>> = project.config.provide;
    const { image, namespacePer = "worker" } = provided.irisOptions ?? {};
    const container = new IrisRegistryContainer(image);
    const iris = await (configure?.(container) ?? container).start();
    const ledger = mkdtempSync(join(tmpdir(), "iris-ports-vitest-"));
    project.provide("iris", {
      container: iris.getId(),
      connection: {
        ...{ host: iris.getHost(), port: iris.getPort(), namespace: iris.getNamespace() },
        ...{ username: iris.getUsername(), password: iris.getPassword() },
      },
      namespacePer,
      prefix: `T${randomBytes(4).toString("hex").toUpperCase()}`,
      ledger,
    });
    return async () => {
      try {
        for (const namespace of readdirSync(ledger)) {
          // The result of the tests matters more; and where IRIS is left by its last user, nothing remains anyway.
          await iris.dropNamespace(namespace).catch((error: Error) => process.emitWarning(error.message));
        }
      } finally {
        rmSync(ledger, { recursive: true, force: true });
        await iris.stop();
      }
    };
  };
}
