import { IrisPortsError } from "../../errors/base.ts";
import { RegistryAccessError, RegistryCorruptError, RegistrySchemaError } from "../../errors/errors.ts";
import type { DocumentState } from "../../stores/registry-files.ts";
import type { SharedStore, Store } from "../../stores/store.ts";
import { count, type Finding, fail, ok, warn } from "./finding.ts";

const NO_CONTENT = { kind: "missing" } as const;

/** Finds problems of a registry that is kept on a server. */
export async function checkServer(
  store: Store,
  shared: SharedStore,
): Promise<{ readonly content: DocumentState; readonly findings: readonly Finding[] }> {
  try {
    const document = await store.read();
    const leftMs = Date.parse(document.server?.grace_until ?? "") - shared.now().getTime();
    const state = `${store.location}: ${count(document.assignments.length, "assignment")}`;
    const finding =
      leftMs > 0
        ? warn("registry", `${state}; the server was restarted or lost data`, `wait ${Math.ceil(leftMs / 1_000)} s`)
        : ok("registry", state);
    return { content: { kind: "readable", document, token: undefined }, findings: [finding] };
  } catch (error) {
    if (error instanceof RegistryCorruptError)
      return {
        content: { kind: "corrupt", reason: error.what, wasRegistry: true },
        findings: [fail("registry", error.what, error.remedy)],
      };
    if (error instanceof RegistrySchemaError) {
      const content = { kind: "newer", schemaVersion: error.schemaVersion } as const;
      return { content, findings: [fail("registry", error.what, error.remedy)] };
    }
    if (!(error instanceof IrisPortsError)) throw error;
    const content = error instanceof RegistryAccessError ? ({ kind: "inaccessible", error } as const) : NO_CONTENT;
    return { content, findings: [fail("registry", error.what, error.remedy)] };
  }
}
