import fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CommitChain } from "../../src/stores/commit-chain.ts";
import { isBuiltOn } from "../../src/stores/commit-name.ts";
import type { CommitToken } from "../../src/stores/document.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** A chain whose versions are empty files. */
function openChain() {
  const chain = new CommitChain(join(temporaryDirectory(), "port-registry.json"), false);
  const claim = (head: CommitToken, base: CommitToken | undefined = head) => {
    const next = chain.prepare(head, base, () => Buffer.alloc(0), { mode: 0o600 });
    expect(chain.claim(head, next)).toBe(true);
    return next;
  };
  const commit = (head: CommitToken, base?: CommitToken) => {
    const next = claim(head, base);
    expect(chain.publish(next)).toBe(true);
    return next;
  };
  /** The commit directory is deleted, and begun anew beside a document with this token. */
  const beginAnew = (document: CommitToken) => {
    fs.rmSync(chain.directory, { recursive: true });
    chain.begin(document.revision);
    return commit(chain.head() as CommitToken, document);
  };
  chain.begin(0);
  return { claim, commit, beginAnew, first: chain.head() as CommitToken };
}

test("later versions are built on earlier ones, and not the other way round", () => {
  const { commit, first } = openChain();
  const earlier = commit(first);
  const later = commit(earlier);
  expect([isBuiltOn(later, earlier), isBuiltOn(earlier, earlier), isBuiltOn(earlier, later)]).toEqual([
    true,
    true,
    false,
  ]);
});

test("a version that was published is built on after the directory was begun anew, one that was not is not", () => {
  const { claim, commit, beginAnew, first } = openChain();
  const published = commit(first);
  const next = commit(published);
  const lost = claim(next);
  const anew = beginAnew(next);
  for (const version of [anew, commit(anew)]) {
    expect([published, next, lost].map((token) => isBuiltOn(version, token))).toEqual([true, true, false]);
    expect(isBuiltOn(next, version)).toBe(false);
  }
});
