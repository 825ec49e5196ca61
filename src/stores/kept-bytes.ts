import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import createDebug from "debug";
import { type NewFile, readRegularFile, removeIfThere, writeNewFile } from "./safe-file.ts";

const debug = createDebug("iris-ports:store");

/**
 * Copies the bytes of an invalid document beside it, under a name derived from them. Returns the path, or undefined if they
 * could not be copied. An existing file of that name counts only if it has these bytes; anything else was planted there and
 * is replaced, never followed.
 */
export function keepAside(documentPath: string, bytes: Buffer, file: NewFile): string | undefined {
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const path = `${documentPath}.corrupt-${digest}`;
  if (holds(path, bytes)) return path;
  const written = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    writeNewFile(written, bytes, file, true);
    fs.renameSync(written, path);
    return path;
  } catch (cause) {
    debug("no copy could be kept as %s: %o", path, cause);
    discard(written);
    return undefined;
  }
}

function discard(path: string): void {
  try {
    removeIfThere(path);
  } catch (cause) {
    debug("%s cannot be removed: %o", path, cause);
  }
}

function holds(path: string, bytes: Buffer): boolean {
  try {
    return readRegularFile(path)?.bytes.equals(bytes) ?? false;
  } catch (cause) {
    debug("%s is not a copy: %o", path, cause);
    return false;
  }
}
