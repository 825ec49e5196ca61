const BLOCK_BYTES = 512;
/** The longest path that fits into the header of an archive without an extension. */
const LONGEST_PATH_BYTES = 100;

/** A text file and its absolute path in the container. */
export type ContainerFile = { readonly path: string; readonly content: string };

/** A tar archive of files only, because entries for directories would change the owner and mode of the container's. */
export function fileArchive(files: readonly ContainerFile[]): string {
  const entries = files.map(({ path, content }) => {
    const size = Buffer.byteLength(content);
    return header(path.replace(/^\//, ""), size) + content + "\0".repeat(-size & (BLOCK_BYTES - 1));
  });
  return entries.join("") + "\0".repeat(2 * BLOCK_BYTES);
}

/** @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 */
function header(name: string, size: number): string {
  if (Buffer.byteLength(name) > LONGEST_PATH_BYTES) throw new RangeError(`${name} is too long for an archive`);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  // Readable by all, because the files belong to root and IRIS runs as another user.
  const [mode, uid, gid, mtime] = [0o644, 0, 0, Math.floor(Date.now() / 1_000)];
  const before =
    name.padEnd(LONGEST_PATH_BYTES, "\0") +
    octal(mode, 8) +
    octal(uid, 8) +
    octal(gid, 8) +
    octal(size, 12) +
    octal(mtime, 12);
  const after = `0${"\0".repeat(100)}ustar\x0000`.padEnd(BLOCK_BYTES - before.length - 8, "\0");
  const sum = Buffer.from(`${before}        ${after}`).reduce((total, byte) => total + byte, 0);
  return `${before}${octal(sum, 7)} ${after}`;
}
