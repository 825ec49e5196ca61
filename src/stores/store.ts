import type { RegistryDocument } from "./document.ts";

/** What a change makes of the document; without one, or with the very object it was given, nothing is written. */
export type Update<T> = { readonly document?: RegistryDocument | undefined; readonly result: T };

/** How a document is updated. */
export type UpdateOptions = {
  /**
   * The change looks at nothing outside the document, so that it may be tried beside another change: the commit that
   * comes second is made again on the newer document.
   */
  readonly isLockOptional?: boolean;
};

/** A document that could not be read: why, and where its bytes are kept. */
export type Unreadable = { readonly reason: string; readonly keptAs: string };

/** Something in the way that was cleared: deleted where it is provably of no use to anybody, else kept as `keptAs`. */
export type Cleared = { readonly path: string; readonly keptAs?: string };

/** Where the document lives. Knows no ports: it keeps versions apart and publishes whole ones. */
export type Store = {
  /** For messages: where the document is, e.g. its path. */
  readonly location: string;
  /** What another process has to be given to open it. It may hold a password. @default the location */
  readonly address?: string;
  /** Absent where every process that uses the store is on this host. */
  readonly shared?: SharedStore;
  /**
   * The newest published document, without waiting for anybody.
   * @throws RegistryCorruptError, RegistrySchemaError, RegistryAccessError
   */
  read(): Promise<RegistryDocument>;
  /**
   * Applies `change` to the newest document and publishes the result. One change runs at a time in the normal case
   * (unless its lock is optional), but
   * `change` may be called again on a newer document when another commit came first: it must have no lasting effects.
   * Resolves only when the commit is published: no later commit is built on an older document.
   * @throws PortAssignmentTimeoutError when the lock was not obtained in time
   * @throws RegistryCorruptError, RegistrySchemaError, RegistryAccessError
   */
  update<T>(change: (document: RegistryDocument) => Promise<Update<T>>, options?: UpdateOptions): Promise<T>;
  /**
   * The same commit, fenced alike, except that a document which cannot be read counts as an empty one and is replaced:
   * its bytes are kept aside first, and `change` is told where. One that can be read is changed as ever.
   * @throws RegistryCorruptError when the bytes cannot be kept; whatever else {@link Store.update} throws
   */
  replaceUnreadable<T>(
    change: (document: RegistryDocument, unreadable: Unreadable | undefined) => Promise<Update<T>>,
  ): Promise<T>;
  /**
   * Clears away what keeps the document from being changed, and what killed processes left behind; never the document.
   * @throws RegistryAccessError
   */
  clearObstacles(): Promise<readonly Cleared[]>;
};

/** What a store offers that processes of several hosts share: they cannot observe each other. */
export type SharedStore = {
  /** A holder that has not renewed for so long counts as gone, in milliseconds. */
  readonly leaseMs: number;
  /** Makes sure that the server's clock is known. @throws RegistryAccessError */
  synchronize(): Promise<void>;
  /** The server's clock, by its last answer. */
  now(): Date;
  /** Resolves at the next commit of any process, or after the time. */
  awaitChange(timeoutMs: number): Promise<void>;
  /**
   * Has `listener` called when another process finds that the server lost the document, and when the connection to the
   * server ends. To be called again now and then, because the connection may be another one.
   */
  listenForLoss(listener: () => void): Promise<void>;
  /** Ends {@link listenForLoss}. */
  ignoreLoss(): void;
};
