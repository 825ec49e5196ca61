import { RegistryCorruptError } from "../errors/errors.ts";
import { commandText } from "../settings/command-text.ts";
import { fileNames } from "./file-names.ts";
import { fileState } from "./file-state.ts";

/** How every document begins, without white space. */
const BEGINNING = '{"schema_version":"1.0","assignments":[';

/** True for a document, a damaged one or the beginning of one, judged by its bytes and by the files beside it. */
export function wasRegistry(documentPath: string, bytes: Buffer): boolean {
  const text = bytes.toString("utf8").replaceAll(/[\0\s]/g, "");
  if (BEGINNING.startsWith(text) || /"(schema_version|assignments|iris_ports)":/.test(text)) return true;
  return hasCommits(documentPath);
}

/** True if iris-ports has written the document before. */
export function hasCommits(documentPath: string): boolean {
  return fileState(fileNames(documentPath).commits).kind === "directory";
}

/** The error of a repair for a file that seems to belong to another program. */
export function notRegistryError(documentPath: string, what: string): RegistryCorruptError {
  return new RegistryCorruptError({
    what: `${documentPath} is ${what}, and nothing shows that it ever was a port registry.`,
    state: "Nothing was changed.",
    remedy: `check the path; to replace it anyway, and keep a copy: ${commandText(["doctor", "--repair", "--force"], documentPath)}`,
    registryPath: documentPath,
  });
}
