import { describe, expect, test } from "vitest";
import { adoptDocument } from "../../src/stores/adopt-document.ts";
import type { HolderRecord, RegistryDocument } from "../../src/stores/document.ts";
import { portsOf } from "../../src/stores/merge-neighbour.ts";
import { assignmentRecord, documentOf } from "../helpers/documents.ts";

const SINCE = "2026-11-23T05:06:07.123+00:00";
const JOB: HolderRecord = { id: "job", kind: "job", since: SINCE };
const MANUAL: HolderRecord = { id: "manual", kind: "manual", since: SINCE };

function held(document: RegistryDocument, project: string, holder: HolderRecord): RegistryDocument {
  return { ...document, holders: new Map(document.holders).set(project, [holder]) };
}

const ports = (document: RegistryDocument) => Object.fromEntries(portsOf(document));

describe("a document that took the place of the last version", () => {
  test("gets back what a job holds, with its holders and details", () => {
    const last = held(documentOf({ "/job": 1 }), "/job", JOB);
    const adopted = adoptDocument(documentOf({ "/found": 2 }), last);
    expect(ports(adopted)).toEqual({ "/found": 2, "/job": 1 });
    expect(adopted.holders.get("/job")).toEqual([JOB]);
    expect([...adopted.details.keys()]).toEqual(["/found", "/job"]);
  });

  test("gets nothing back that has no holder, or only a manual one", () => {
    const last = held(documentOf({ "/manual": 1, "/nobody": 3 }), "/manual", MANUAL);
    expect(ports(adoptDocument(documentOf({ "/found": 2 }), last))).toEqual({ "/found": 2 });
  });

  test("loses entries on a port, or a web port, that is held", () => {
    const base = documentOf({ "/job": 1 });
    const details = new Map([["/job", { port: 1, generation: "g", web_port: 2 }]]);
    const last = held({ ...base, details }, "/job", JOB);
    const found = documentOf({ "/port": 1, "/web-port": 2, "/own-web-port": 3, "/kept": 4 });
    const known = new Map(found.details).set("/own-web-port", { port: 3, generation: "g", web_port: 1 });
    const adopted = adoptDocument({ ...found, details: known }, last);
    expect(ports(adopted)).toEqual({ "/kept": 4, "/job": 1 });
    expect([...adopted.details.keys()]).toEqual(["/kept", "/job"]);
  });

  test("keeps an entry that only another tool knows, although its port was held", () => {
    const found = { ...documentOf({}), assignments: [assignmentRecord("/python", 1)] };
    expect(ports(adoptDocument(found, held(documentOf({ "/job": 1 }), "/job", JOB)))).toEqual({ "/python": 1 });
  });

  test("keeps an entry that only another tool knows on a web port that was held, and only the web port is lost", () => {
    const base = documentOf({ "/job": 1 });
    const details = new Map([["/job", { port: 1, generation: "g", web_port: 2 }]]);
    const found = { ...documentOf({}), assignments: [assignmentRecord("/python", 2)] };
    const adopted = adoptDocument(found, held({ ...base, details }, "/job", JOB));
    expect(ports(adopted)).toEqual({ "/python": 2, "/job": 1 });
    expect(adopted.details.get("/job")).toEqual({ port: 1, generation: "g" });
  });

  test("forgets that a project released what it holds", () => {
    const past = (project: string) => ({ project, port: 9, released_at: SINCE });
    const found = { ...documentOf({}), history: [past("/job"), past("/other")] };
    expect(adoptDocument(found, held(documentOf({ "/job": 1 }), "/job", JOB)).history).toEqual([past("/other")]);
  });
});
