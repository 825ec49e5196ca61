import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RegistryCorruptError } from "../errors/errors.ts";
import { warn } from "../errors/warning.ts";
import { commandText } from "../settings/command-text.ts";
import type { CommitChain } from "./commit-chain.ts";
import { type CommitToken, EMPTY_DOCUMENT, type RegistryDocument } from "./document.ts";
import { DocumentError } from "./document-error.ts";
import { keepAside } from "./kept-bytes.ts";
import { OpenFile } from "./open-file.ts";
import { type ParsedDocument, parseDocument } from "./parse-document.ts";
import { recordsInFile } from "./reconcile.ts";
import { recoverDocument } from "./recover-document.ts";
import { wasRegistry } from "./registry-evidence.ts";
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
  /** The file was emptied or half written; `document` was recovered and must be written back. */
  readonly isDamaged?: boolean;
  /** The file exists but is not a valid document; this empty one stands in for it. */
  readonly unreadable?: Unreadable | undefined;
};

const NOTHING = { bytes: Buffer.alloc(0), document: EMPTY_DOCUMENT, token: undefined };

/** How a caller reads. */
export type ReadOptions = {
  /** Waits until the Python tool, if it is at work, has finished writing. */
  readonly awaitNeighbour: () => Promise<void>;
  /** The caller is about to change the document: a copy is kept of one that it cannot read. Readers write nothing. */
  readonly isForChange: boolean;
};

/** Reads the document's file. A document that has not changed since the last time is not parsed again. */
export class DocumentReader {
  readonly #path: string;
  readonly #chain: CommitChain;
  #last: Omit<Snapshot, "file"> | undefined;

  constructor(path: string, chain: CommitChain) {
    this.#path = path;
    this.#chain = chain;
  }

  /** @throws RegistryCorruptError, NewerSchemaError */
  async read({ awaitNeighbour, isForChange }: ReadOptions): Promise<Snapshot> {
    let deadline = performance.now() + HALF_WRITTEN_MS;
    let isNeighbourDone = false;
    for (;;) {
      const file = OpenFile.open(this.#path, this.#last?.bytes);
      if (file === undefined) return { ...NOTHING, ...newFileIn(dirname(this.#path)) };
      const { bytes, owner } = file;
      if (this.#last?.bytes === bytes) return { ...this.#last, ...owner, file };
      const parsed = this.#parse(file);
      if (!(parsed instanceof DocumentError)) {
        this.#last = { ...parsed, bytes, ...owner };
        return { ...this.#last, file };
      }
      if (isNeighbourDone && performance.now() > deadline) return this.#recovered(file, parsed, isForChange);
      file.close();
      if (performance.now() <= deadline) await delay(5);
      else {
        await awaitNeighbour();
        isNeighbourDone = true;
        deadline = performance.now();
      }
    }
  }

  /** An unreadable document counts as empty after its bytes were copied. */
  async readOrEmpty(options: ReadOptions): Promise<Snapshot> {
    try {
      return await this.read(options);
    } catch (error) {
      if (!(error instanceof RegistryCorruptError)) throw error;
      const file = OpenFile.open(this.#path);
      const keptAs = file && keepAside(this.#path, file.bytes, file.owner);
      if (file !== undefined && keptAs !== undefined)
        return { ...NOTHING, ...file.owner, file, unreadable: { reason: error.what, keptAs } };
      file?.close();
      throw error;
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
      return parseDocument(file.bytes.toString("utf8"), () => this.#chain.lastVersion()?.toString("utf8"));
    } catch (cause) {
      if (cause instanceof DocumentError) return cause;
      file.close();
      throw cause;
    }
  }

  #recovered(file: OpenFile, cause: DocumentError, isForChange: boolean): Snapshot {
    const { bytes, owner } = file;
    const document = this.#lastGood(file);
    if (document === undefined) {
      file.close();
      throw this.#corrupt(cause, bytes, isForChange);
    }
    warnOnce(
      `The port registry ${this.#path} was emptied or half written (${cause.message}). iris-ports goes on from its own last version; the next change writes it back.`,
    );
    return { bytes, document, token: undefined, ...owner, file, isDamaged: true };
  }

  #lastGood(file: OpenFile): RegistryDocument | undefined {
    try {
      return recoverDocument(this.#chain, file.bytes);
    } catch (cause) {
      file.close();
      throw cause;
    }
  }

  #corrupt(cause: DocumentError, bytes: Buffer, isForChange: boolean): RegistryCorruptError {
    const isKept = isForChange && wasRegistry(this.#path, bytes);
    const backupPath = isKept ? keepAside(this.#path, bytes, newFileIn(dirname(this.#path))) : undefined;
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
}

const warned = new Set<string>();

function warnOnce(text: string): void {
  if (warned.has(text)) return;
  warned.add(text);
  warn(text, "REGISTRY_DAMAGED");
}
