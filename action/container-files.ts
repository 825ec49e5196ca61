import { IRIS_CPF_MERGE_PATH, IRIS_LICENSE_KEY_PATH } from "../src/iris/image.ts";
import type { DockerCli } from "./docker-cli.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import { abortable } from "./job/interruption.ts";

const BLOCK_BYTES = 512;
/** The longest path that fits into the header of an archive without an extension. */
const LONGEST_PATH_BYTES = 100;

/** A text file and its absolute path in the container. */
export type ContainerFile = { readonly path: string; readonly content: string };

/**
 * Puts the licence key and the merge file into a container that was created and does not run yet. They are copied, not
 * mounted: the engine may run on another host.
 * @throws ContainerEngineError when the engine refuses
 */
export async function copyConfiguration(
  cli: DockerCli,
  id: string,
  { licenseKey, cpfMerge }: IrisInputs,
  signal: AbortSignal,
): Promise<void> {
  const files = [
    { path: IRIS_LICENSE_KEY_PATH, content: licenseKey },
    { path: IRIS_CPF_MERGE_PATH, content: cpfMerge },
  ].filter((file): file is ContainerFile => file.content !== undefined);
  await copyFiles(cli, id, files, signal);
}

/**
 * Puts files into a container, and makes the directories that they need.
 * @throws ContainerEngineError when the engine refuses
 */
export async function copyFiles(
  cli: DockerCli,
  id: string,
  files: readonly ContainerFile[],
  signal: AbortSignal,
): Promise<void> {
  if (files.length === 0) return;
  // From stdin, so that no secret gets onto the disk of the runner.
  const copied = await abortable(cli.run(["cp", "-", `${id}:/`], { input: archive(files) }), signal);
  if (copied.exitCode !== 0) throw cli.refusal(copied);
}

/** A tar archive of files only: with entries for directories, those of the container would change owner and mode. */
function archive(files: readonly ContainerFile[]): string {
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
  // They belong to root, and IRIS runs as another user.
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
