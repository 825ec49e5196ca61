import type { CommitChain } from "./commit-chain.ts";
import type { AssignmentRecord, RegistryDocument } from "./document.ts";
import { DocumentError } from "./document-error.ts";
import { parseAssignment, parseDocument } from "./parse-document.ts";

/**
 * The document to continue from if the file was emptied or half written, as a killed writer of the Python tool leaves
 * it: the last version that iris-ports published, with the assignments that can still be read from the newer one.
 * Undefined for a file that is damaged in another way, and if no version was kept.
 */
export function recoverDocument(chain: CommitChain, bytes: Buffer): RegistryDocument | undefined {
  const text = bytes.toString("utf8").replaceAll("\0", "").trim();
  if (!isCutOff(text)) return undefined;
  const kept = chain.lastVersion();
  if (kept === undefined) return undefined;
  try {
    const { document } = parseDocument(kept.toString("utf8"));
    return { ...document, assignments: [...document.assignments, ...readableBesides(document, text)] };
  } catch (cause) {
    // A power failure may have left the copy incomplete: it is not flushed.
    if (cause instanceof DocumentError) return undefined;
    throw cause;
  }
}

/** True for text that may be the beginning of a document, or nothing. */
function isCutOff(text: string): boolean {
  if (text === "") return true;
  if (!text.startsWith("{")) return false;
  let depth = 0;
  // A string, closed or not, or a bracket.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[{}[\]]/gs)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    if (depth === 0) return false;
  }
  return true;
}

function readableBesides(known: RegistryDocument, text: string): readonly AssignmentRecord[] {
  const taken = new Set<string | number>(known.assignments.flatMap(({ project_path, port }) => [project_path, port]));
  for (const { web_port } of known.details.values()) if (web_port !== undefined) taken.add(web_port);
  const records: AssignmentRecord[] = [];
  for (const [object] of text.matchAll(/\{[^{}]*\}/g)) {
    const record = assignmentIn(object);
    if (record === undefined || taken.has(record.project_path) || taken.has(record.port)) continue;
    taken.add(record.project_path).add(record.port);
    records.push(record);
  }
  return records;
}

function assignmentIn(text: string): AssignmentRecord | undefined {
  try {
    return parseAssignment(JSON.parse(text), 0);
  } catch {
    // Something else, or not JSON: only whole assignments count.
    return undefined;
  }
}
