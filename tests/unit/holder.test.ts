import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { containerLabels } from "../../src/registry/container-labels.ts";
import { toHolder, toHolderRecord } from "../../src/registry/document/records.ts";
import {
  checkHolder,
  type Holder,
  holderOf,
  manualHolder,
  type ProcessIdentity,
  parseProcessText,
  processText,
} from "../../src/registry/holder.ts";
import { serializeDocument } from "../../src/stores/document.ts";
import { parseDocument } from "../../src/stores/parse-document.ts";
import { documentOf } from "../helpers/documents.ts";

const IDENTITY: ProcessIdentity = {
  host: "0123456789abcdef",
  bootId: "boot",
  pidNamespace: "pid:[4026531836]",
  pid: 4711,
  startTime: "99",
};

describe("the process behind a holder", () => {
  test.each([
    ["a process", IDENTITY],
    ["a thread of a process", { ...IDENTITY, thread: "4712:100" }],
  ])("is read from its text and its record as it was written: %s", (_, identity) => {
    const holder = holderOf(identity);
    expect(parseProcessText(processText(holder))).toEqual(identity);
    expect(toHolder(toHolderRecord(holder))).toEqual(holder);
  });

  test("is another holder in each thread", () => {
    expect(holderOf({ ...IDENTITY, thread: "4712:100" }).id).not.toBe(holderOf(IDENTITY).id);
  });

  test("has no label on a container that a manual holder made", () => {
    const assignment = {
      projectPath: "/p/a",
      projectKey: "/p/a",
      port: 1972,
      assignedAt: new Date(0),
      assignmentType: "auto",
      status: "active",
      containerName: "iris_0",
    } as const;
    const use = { assignment, generation: "g", registryPath: "/r.json", lifetime: "kept" } as const;
    const label = (creator: Holder) => containerLabels({ ...use, creator })["io.iris-ports.creator-process"];
    expect(label(manualHolder())).toBe("");
    expect(label(holderOf(IDENTITY))).toBe("0123456789abcdef|boot|pid:[4026531836]|4711|99");
  });
});

describe("an invalid holder object is refused", () => {
  const process = holderOf(IDENTITY);
  test.each([
    ["without its process", { ...process, process: undefined }],
    ["with no process at all", { ...process, process: null }],
    ["with an incomplete process", { ...process, process: { pid: 7 } }],
    ["with an impossible pid", { ...process, process: { ...IDENTITY, pid: 0 } }],
  ])("%s", (_, holder) => {
    expect(() => checkHolder(holder as Holder)).toThrow("has a `process` that is not a valid process identity");
  });

  test("unless the document that contains it can be read again", () => {
    const odd = fc.constantFrom(
      undefined,
      null,
      0,
      7,
      Number.NaN,
      "",
      "text",
      {},
      [],
      new Date(0),
      new Date(Number.NaN),
    );
    const object = (...names: readonly string[]) =>
      fc.record(Object.fromEntries(names.map((name) => [name, fc.oneof(fc.constant("text"), odd)])), {
        requiredKeys: [],
      });
    const parts = {
      id: odd,
      kind: fc.constantFrom("process", "job", "manual", "other"),
      since: odd,
      expiresAt: odd,
      restartsUntil: odd,
      description: odd,
      usesContainer: odd,
      isLeaving: odd,
      process: fc.oneof(
        odd,
        object("host", "bootId", "pidNamespace", "startTime", "hostName", "thread").map((it) => ({
          ...IDENTITY,
          ...it,
        })),
      ),
      container: fc.oneof(odd, object("id", "engine", "startedAt")),
      directory: fc.oneof(
        odd,
        object("path", "host", "mount", "device").map((it) => ({ path: "/p", host: "h", device: 1, ...it })),
      ),
    };
    const valid = { ...process, ...manualHolder(), kind: "process" };
    fc.assert(
      fc.property(fc.record(parts, { requiredKeys: [] }), (changes) => {
        const holder = { ...valid, ...changes } as Holder;
        try {
          checkHolder(holder);
        } catch (error) {
          return error instanceof InvalidArgumentError;
        }
        const document = { ...documentOf({ "/p": 1972 }), holders: new Map([["/p", [toHolderRecord(holder)]]]) };
        const read = parseDocument(serializeDocument(document, { revision: 1, commit: "ab" }).toString()).document;
        return read.holders.get("/p")?.length === 1;
      }),
      { numRuns: 2_000 },
    );
  });
});
