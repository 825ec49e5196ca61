import { describe, expect, test } from "vitest";
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
});
