import type { RegistryDocument } from "./document.ts";

/** The result of a change. Without a document, or with the same object, nothing is written. */
export type Update<T> = {
  /** The new document. */
  readonly document?: RegistryDocument | undefined;
  /** What the update returns. */
  readonly result: T;
};

/** How a document is updated. */
export type UpdateOptions = {
  /**
   * The change depends on the document alone, so it may run at the same time as another one; the commit that comes second is
   * repeated on the newer document.
   */
  readonly isLockOptional?: boolean;
};

/** An unreadable document: the reason, and the copy of its bytes. */
export type Unreadable = {
  /** Why it could not be read. */
  readonly reason: string;
  /** The path of the copy. */
  readonly keptAs: string;
};

/** A removed obstacle: deleted if it is provably unused, else moved to `keptAs`. */
export type Cleared = {
  /** Where it was. */
  readonly path: string;
  /** Where it is now; undefined if it was deleted. */
  readonly keptAs?: string;
};

/** Where the document is kept. A store knows nothing about ports; it reads and publishes complete versions. */
export type Store = {
  /** The location of the document for messages, for example its path. */
  readonly location: string;
  /** The location for other processes; it may contain a password. @default the location */
  readonly address?: string;
  /** Absent if all processes that use the store are on this host. */
  readonly shared?: SharedStore;
  /**
   * The newest published document. Does not wait for the lock.
   * @throws RegistryCorruptError, RegistrySchemaError, RegistryAccessError
   */
  read(options?: {
    /** The caller is about to change it: a copy is kept of a document that cannot be read. Readers write nothing. */
    readonly isForChange?: boolean;
  }): Promise<RegistryDocument>;
  /**
   * Applies `change` to the newest document and publishes the result. Normally one change runs at a time (unless its
   * lock is optional), but `change` may be called again on a newer document when another commit came first: it must
   * have no lasting effects. Resolves only when the commit is published: no later commit is built on an older document.
   * @throws PortAssignmentTimeoutError when the lock was not obtained in time
   * @throws RegistryCorruptError, RegistrySchemaError, RegistryAccessError
   */
  update<T>(change: (document: RegistryDocument) => Promise<Update<T>>, options?: UpdateOptions): Promise<T>;
  /**
   * As {@link Store.update}, but an unreadable document counts as empty and is replaced: its bytes are copied first, and
   * `change` gets the path of the copy.
   * @throws RegistryCorruptError when the bytes cannot be copied; and the errors of {@link Store.update}
   */
  replaceUnreadable<T>(
    change: (document: RegistryDocument, unreadable: Unreadable | undefined) => Promise<Update<T>>,
  ): Promise<T>;
  /**
   * Removes what prevents changes of the document, and leftovers of killed processes; never the document.
   * @throws RegistryCorruptError for something that never was a registry, unless `isForced`
   * @throws RegistryAccessError
   */
  clearObstacles(options?: { readonly isForced?: boolean }): Promise<readonly Cleared[]>;
};

/** For stores that processes of several hosts share, which cannot observe each other. */
export type SharedStore = {
  /** After this time without renewal a holder counts as gone, in milliseconds. */
  readonly leaseMs: number;
  /** The server's clock, by its last answer. */
  now(): Date;
  /** Resolves when another store has committed since `seen` was read, or after the time. */
  awaitChange(seen: RegistryDocument, timeoutMs: number): Promise<void>;
  /**
   * Calls `listener` when another process finds that the server lost the document, and when the connection to the server
   * ends. Callers repeat this from time to time, because the connection may be another one by then.
   */
  listenForLoss(listener: () => void): Promise<void>;
  /** Ends {@link listenForLoss}. */
  ignoreLoss(): void;
};
