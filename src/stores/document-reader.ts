import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RegistryCorruptError, RegistrySchemaError } from "../errors/errors.ts";
import { commandText } from "../settings/command-text.ts";
import { type CommitToken, EMPTY_DOCUMENT, type RegistryDocument } from "./document.ts";
import { keepAside } from "./kept-bytes.ts";
import { OpenFile } from "./open-file.ts";
import { DocumentError, NewerSchemaError, type ParsedDocument, parseDocument } from "./parse-document.ts";
import { recordsInFile } from "./reconcile.ts";
import { type NewFile, newFileIn } from "./safe-file.ts";
import type { Unreadable } from "./store.ts";

/** The Python tool truncates the file and rewrites it in place, so an incomplete document may be complete a moment later. */
export const HALF_WRITTEN_MS = 250;

/** What was read: the document, the commit that wrote it, and the file's mode and owner, which are kept. */
export type Snapshot = NewFile & {
  readonly bytes: Buffer;
  readonly document: RegistryDocument;
  readonly token: CommitToken | undefined;
  /** The file it was read from; undefined if there is none. The caller closes it. */
  readonly file?: OpenFile | undefined;
  /** The file exists but is not a valid document; this empty one stands in for it. */
  readonly unreadable?: Unreadable | undefined;
};

const NOTHING = { bytes: Buffer.alloc(0), document: EMPTY_DOCUMENT, token: undefined };

/** Reads the document's file. A document that has not changed since the last time is not parsed again. */
export class DocumentReader {
  readonly #path: string;
  #last: Omit<Snapshot, "file"> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * `awaitNeighbour` waits until the Python tool, if it is at work, has finished writing.
   * @throws RegistryCorruptError, RegistrySchemaError
   */
  async read(awaitNeighbour: () => Promise<void>): Promise<Snapshot> {
    let deadline = performance.now() + HALF_WRITTEN_MS;
    let isNeighbourDone = false;
    for (;;) {
      const file = OpenFile.open(this.#path);
      if (file === undefined) return { ...NOTHING, ...newFileIn(dirname(this.#path)) };
      const { bytes, owner } = file;
      if (this.#last?.bytes.equals(bytes)) return { ...this.#last, ...owner, file };
      const parsed = this.#parse(file);
      if (!(parsed instanceof DocumentError)) {
        this.#last = { ...parsed, bytes, ...owner };
        return { ...this.#last, file };
      }
      file.close();
      if (performance.now() <= deadline) await delay(5);
      else if (isNeighbourDone) throw this.#corrupt(parsed, bytes);
      else {
        await awaitNeighbour();
        isNeighbourDone = true;
        deadline = performance.now();
      }
    }
  }

  /** An unreadable document counts as empty after its bytes were copied. */
  async readOrEmpty(awaitNeighbour: () => Promise<void>): Promise<Snapshot> {
    try {
      return await this.read(awaitNeighbour);
    } catch (error) {
      if (!(error instanceof RegistryCorruptError) || error.backupPath === undefined) throw error;
      const file = OpenFile.open(this.#path);
      const unreadable = { reason: error.what, keptAs: error.backupPath };
      return { ...NOTHING, ...(file?.owner ?? newFileIn(dirname(this.#path))), file, unreadable };
    }
  }

  /** Caches a document that was just published, so that it need not be parsed. */
  remember(published: Omit<Snapshot, "file" | "unreadable">): void {
    const { assignments } = published.document;
    // Otherwise parsing would give another result.
    this.#last = recordsInFile(assignments) === assignments ? published : undefined;
  }

  #parse(file: OpenFile): ParsedDocument | DocumentError {
    try {
      return parseDocument(file.bytes.toString("utf8"));
    } catch (cause) {
      if (cause instanceof DocumentError) return cause;
      file.close();
      throw cause instanceof NewerSchemaError ? this.#newerSchema(cause) : cause;
    }
  }

  #corrupt(cause: DocumentError, bytes: Buffer): RegistryCorruptError {
    const backupPath = keepAside(this.#path, bytes, newFileIn(dirname(this.#path)));
    return new RegistryCorruptError({
      what: `The port registry ${this.#path} cannot be read: ${cause.message}.`,
      state:
        backupPath === undefined
          ? "The file was not touched."
          : `The file was not touched; a copy is kept as ${backupPath}.`,
      remedy: `correct the file by hand, or rebuild it from its containers: ${commandText(["doctor", "--repair"], this.#path)}`,
      registryPath: this.#path,
      backupPath,
      cause,
    });
  }

  #newerSchema(cause: NewerSchemaError): RegistrySchemaError {
    return new RegistrySchemaError({
      what: `The port registry ${this.#path} has schema_version ${cause.schemaVersion}, which is newer than this iris-ports understands.`,
      state: "Nothing was touched.",
      remedy: "update iris-ports: npm install iris-ports@latest",
      registryPath: this.#path,
      schemaVersion: cause.schemaVersion,
    });
  }
}
