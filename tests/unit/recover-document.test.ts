import fs from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { CommitChain } from "../../src/stores/commit-chain.ts";
import { type RegistryDocument, serializeDocument } from "../../src/stores/document.ts";
import { portsOf } from "../../src/stores/merge-neighbour.ts";
import { recoverDocument } from "../../src/stores/recover-document.ts";
import { assignmentRecord, documentOf } from "../helpers/documents.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const COMMIT = "ab".repeat(8);
let path: string;

beforeEach(() => {
  path = join(temporaryDirectory(), "port-registry.json");
  fs.mkdirSync(`${path}.commit`);
  fs.writeFileSync(join(`${path}.commit`, `head.3.${COMMIT}`), "");
});

/** The last version that iris-ports published, as it is kept beside the document. */
function keep(version: RegistryDocument | string): void {
  const bytes = typeof version === "string" ? version : serializeDocument(version, { revision: 3, commit: COMMIT });
  fs.writeFileSync(join(`${path}.commit`, `copy.3.${COMMIT}`), bytes);
}

/** What iris-ports goes on from where the document's file holds this. */
function recovered(text: string): Record<string, number> | undefined {
  const document = recoverDocument(new CommitChain(path, false), Buffer.from(text));
  return document && Object.fromEntries(portsOf(document));
}

describe("a document that was emptied or half written", () => {
  test.each(["", "\0\0\0", "\n", "{", '{"schema_version": "1.0", "assi', '{"assignments": [{"project_path": "}]'])(
    "goes on from the last version: %j",
    (text) => {
      keep(documentOf({ "/a": 1 }));
      expect(recovered(text)).toEqual({ "/a": 1 });
    },
  );

  test.each(["hello", "[1", "{}", '{"assignments": []} and more'])("is damaged in another way: %j", (text) => {
    keep(documentOf({ "/a": 1 }));
    expect(recovered(text)).toBeUndefined();
  });

  test("continues with the assignments that can still be read, unless project or port is known", () => {
    const known = documentOf({ "/a": 1, "/b": 2 });
    keep({ ...known, details: new Map(known.details).set("/b", { port: 2, generation: "g", web_port: 3 }) });
    const written = [
      assignmentRecord("/a", 7),
      assignmentRecord("/port-of-a", 1),
      assignmentRecord("/web-port-of-b", 3),
      assignmentRecord("/new", 4),
      assignmentRecord("/new", 5),
      { ...assignmentRecord("/strange", 6), port: "6" },
      assignmentRecord("/last", 8),
    ].map((record) => JSON.stringify(record));
    const text = `{"schema_version": "1.0", "assignments": [${written.join(", ")}, { not JSON }, {"project_path": "/cut`;
    expect(recovered(text)).toEqual({ "/a": 1, "/b": 2, "/new": 4, "/last": 8 });
  });

  test("cannot continue if no version, or only half of one, was kept", () => {
    expect(recovered("")).toBeUndefined();
    keep('{"schema_version": "1.0", "assignments": [');
    expect(recovered("")).toBeUndefined();
  });

  test("is not taken over from a version of a newer schema", () => {
    keep('{"schema_version": "2.0", "assignments": []}');
    expect(() => recovered("")).toThrow("schema_version is 2.0");
  });
});
