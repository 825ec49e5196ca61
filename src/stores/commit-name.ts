import { randomBytes } from "node:crypto";
import type { CommitToken } from "./document.ts";

/**
 * A commit is named by its line, the commit on which the line was begun (its line, and its revision), and a random part.
 * All commits since the first head of a directory are of one line, so that a process whose claimed version has disappeared
 * can tell whether the document is built on it.
 */
const NAME = { line: 8, origin: 16 };
const NO_ORIGIN = "0".repeat(NAME.origin);

/** A name that was never used; of a new line unless one is given. */
export function newToken(revision: number, line = randomHex(NAME.line), origin = NO_ORIGIN): CommitToken {
  return { revision, commit: line + origin + randomHex(16) };
}

function randomHex(length: number): string {
  return randomBytes(length / 2).toString("hex");
}

function lineOf({ commit }: CommitToken): string {
  return commit.slice(0, NAME.line);
}

function originOf({ commit }: CommitToken): string {
  return commit.slice(NAME.line, NAME.line + NAME.origin);
}

function asOrigin(token: CommitToken): string {
  return lineOf(token) + (token.revision % 2 ** 32).toString(16).padStart(NAME.origin - NAME.line, "0");
}

/** A name for the version after `head` that is built on a document with the token `base`. */
export function successor(head: CommitToken, base: CommitToken | undefined): CommitToken {
  if (base === undefined) return newToken(head.revision + 1, lineOf(head), originOf(head));
  // With a head older than the document, the directory is not the one that the document's commits were made in.
  if (base.revision > head.revision) return newToken(base.revision + 1, undefined, asOrigin(base));
  const isFirst = originOf(head) === NO_ORIGIN && lineOf(base) !== lineOf(head);
  return newToken(head.revision + 1, lineOf(head), isFirst ? asOrigin(base) : originOf(head));
}

/** True if a version is this one or was built on it, also in a directory that was begun anew since. */
export function isBuiltOn(found: CommitToken, token: CommitToken): boolean {
  if (lineOf(found) === lineOf(token)) return found.revision > token.revision || found.commit === token.commit;
  const origin = originOf(found);
  return origin.startsWith(lineOf(token)) && origin >= asOrigin(token);
}
