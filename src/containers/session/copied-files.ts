import { randomBytes } from "node:crypto";
import { dirname } from "node:path/posix";
import createDebug from "debug";
import { posixQuoted } from "../../settings/command-text.ts";
import { execInSession, type SessionHost } from "./session-exec.ts";

const debug = createDebug("iris-ports:session");

/** A file for the container. */
export type CopiedFile = { readonly name: string; readonly content: string | Buffer };

/** Linux takes no variable of more than 128 KiB, and about 2 MB of variables and arguments together. */
const LONGEST_VARIABLE = 100_000;
const VARIABLES = 9;

/**
 * Copies files to a directory of the container, which is removed after use. They are written by the user that
 * IRIS runs as, so that IRIS can read them and nothing is left that only root can remove.
 */
export async function withCopies<Result>(
  host: SessionHost,
  files: readonly CopiedFile[],
  use: (paths: readonly string[]) => Promise<Result>,
): Promise<Result> {
  const directory = `/tmp/iris-ports-${randomBytes(6).toString("hex")}`;
  const targets = files.map(({ name, content }) => ({ path: `${directory}/${name}`, content: Buffer.from(content) }));
  try {
    for (const batch of batchesOf(targets)) await write(host, batch);
    return await use(targets.map(({ path }) => path));
  } finally {
    await remove(host, directory);
  }
}

type Piece = { readonly path: string; readonly text: string };

/** The files in base64, in pieces that fit into a variable, as many as fit into an environment. */
function batchesOf(files: readonly { readonly path: string; readonly content: Buffer }[]): Piece[][] {
  const pieces = files.flatMap(({ path, content }) => {
    const bytes = (LONGEST_VARIABLE / 4) * 3;
    const starts = Array.from({ length: Math.max(1, Math.ceil(content.length / bytes)) }, (_, index) => index * bytes);
    return starts.map((start) => ({ path, text: content.subarray(start, start + bytes).toString("base64") }));
  });
  const batches: Piece[][] = [[]];
  let length = 0;
  for (const piece of pieces) {
    if (length + piece.text.length > VARIABLES * LONGEST_VARIABLE) {
      batches.push([]);
      length = 0;
    }
    batches.at(-1)?.push(piece);
    // The command that writes it counts as well.
    length += piece.text.length + 1_000;
  }
  return batches;
}

async function write(host: SessionHost, pieces: readonly Piece[]): Promise<void> {
  const directories = [...new Set(pieces.map(({ path }) => dirname(path)))];
  const writes = pieces.map(({ path }, index) => `printf %s "$F${index}" | base64 -d >> ${posixQuoted(path)}`);
  const command = [`mkdir -p ${directories.map(posixQuoted).join(" ")}`, ...writes].join(" && ");
  const env = Object.fromEntries(pieces.map(({ text }, index) => [`F${index}`, text]));
  const { exitCode, output } = await execInSession(host, ["sh", "-c", command], env);
  if (exitCode !== 0) throw new Error(`the files could not be written into the container: ${output.trim()}`);
}

/** A failure must not replace that of the use. */
async function remove(host: SessionHost, directory: string): Promise<void> {
  try {
    const { exitCode, output } = await host.exec(["rm", "-rf", directory]);
    if (exitCode !== 0) debug("%s was not removed: %s", directory, output);
  } catch (error) {
    debug("%s was not removed: %o", directory, error);
  }
}
