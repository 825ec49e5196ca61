import { type AssignmentRecord, EMPTY_DOCUMENT, type RegistryDocument } from "../../src/stores/document.ts";

/** A record as iris-ports writes one. */
export function assignmentRecord(project: string, port: number): AssignmentRecord {
  return {
    project_path: project,
    port,
    assigned_at: "2026-11-23T05:06:07.123+00:00",
    assignment_type: "auto",
    status: "active",
    container_name: null,
  };
}

/** A document in which iris-ports has given each project its port. */
export function documentOf(ports: Readonly<Record<string, number>>): RegistryDocument {
  const entries = Object.entries(ports);
  return {
    ...EMPTY_DOCUMENT,
    assignments: entries.map(([project, port]) => assignmentRecord(project, port)),
    details: new Map(entries.map(([project, port]) => [project, { port, generation: "g" }])),
    holders: new Map(entries.map(([project]) => [project, []])),
  };
}
