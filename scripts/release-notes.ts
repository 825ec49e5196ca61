/** `node scripts/release-notes.ts v1.2.3` prints that version's notes from CHANGELOG.md, for its GitHub Release. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The notes of a version, without its heading. @throws Error when the changelog has none */
export function releaseNotes(changelog: string, tag: string): string {
  const version = tag.replace(/^v/, "");
  const section = changelog.split(/^## /m).find((text) => text.split(/\s/)[0] === version);
  const notes = section?.split("\n").slice(1).join("\n").trim();
  if (!notes) throw new Error(`CHANGELOG.md has no notes for ${version}. To fix: npx changeset version`);
  return notes;
}

if (import.meta.main) {
  try {
    const changelog = readFileSync(join(import.meta.dirname, "..", "CHANGELOG.md"), "utf8");
    process.stdout.write(`${releaseNotes(changelog, process.argv[2] ?? "")}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
