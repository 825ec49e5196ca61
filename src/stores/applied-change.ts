import type { AssignmentRecord, CommitToken, RegistryDocument } from "./document.ts";
import type { Snapshot } from "./document-reader.ts";
import { type LateWrite, mergeNeighbour, portsOf } from "./merge-neighbour.ts";
import type { Unreadable, Update } from "./store.ts";

export type Change<T> = (document: RegistryDocument, unreadable: Unreadable | undefined) => Promise<Update<T>>;

/** What a change did to a document, and the assignments that it added. */
type Made<T> = {
  readonly update: Update<T>;
  readonly document: RegistryDocument;
  readonly added: ReadonlySet<AssignmentRecord>;
};

/** A published change that the Python tool may have overwritten, so that it must be checked. */
export type Pending<T> = {
  /** Since which revision the newest document contains the change, if it does. */
  readonly made: (Made<T> & { readonly since: number }) | undefined;
  /** What that tool wrote into replaced versions and the newest document does not contain. */
  readonly late: readonly LateWrite[];
};

export const NOTHING_PENDING = { made: undefined, late: [] };

/** What the Python tool wrote into the file that was replaced, and what is in the one that replaced it. */
export type Overtaken = { readonly theirs: RegistryDocument | undefined; readonly newest: Snapshot };

/** The result of a change to the newest document, after late writes of the Python tool were merged into it. */
export async function applied<T>(change: Change<T>, base: Snapshot, { made, late }: Pending<T>): Promise<Made<T>> {
  const start = late.reduce((newest, write) => mergeNeighbour(write, newest, made?.added), base.document);
  const ports = portsOf(start);
  if (made !== undefined && [...made.added].every(({ port, project_path }) => ports.get(project_path) === port))
    return { ...made, document: start };
  const update = await change(start, base.unreadable);
  const document = update.document ?? start;
  const before = new Set(start.assignments);
  return { update, document, added: new Set(document.assignments.filter((record) => !before.has(record))) };
}

/**
 * The parts of a publication that the newest document does not contain and that must be applied again: those that the
 * Python tool overwrote with what it made of the version before. Any other document took the place of the published
 * version later, and the next commit adopts that version into it.
 */
export function stillPending<T>(
  { made, late }: Pending<T>,
  published: Made<T> & CommitToken & { readonly base: Snapshot },
  { theirs, newest }: Overtaken,
): Pending<T> {
  const { update, document, added, base, revision } = published;
  const isOverwritten = !newest.isDamaged && newest.token?.commit === base.token?.commit;
  const isHeld = (since: number) => !isOverwritten || since <= (newest.token?.revision ?? 0);
  const since = update === made?.update ? made.since : revision;
  return {
    made: isHeld(since) ? { update, document, added, since } : undefined,
    late: [...(isHeld(revision) ? [] : late), ...(theirs === undefined ? [] : [{ read: base.document, theirs }])],
  };
}

export function isDone({ made, late }: Pending<unknown>): boolean {
  return made !== undefined && late.length === 0;
}
