import { chownSync, statSync } from "node:fs";
import { GenericContainer, Wait } from "testcontainers";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { IRIS_UID } from "../../iris/image.ts";
import { fullPath } from "../../settings/config.ts";
import { makeDirectories } from "../../stores/safe-file.ts";

/** The path of the directory or volume in the container. */
export const DURABLE_MOUNT = "/durable";
/** Created by IRIS; the mounted directory itself must exist. */
export const IRIS_DATA_DIRECTORY = `${DURABLE_MOUNT}/iris`;

/**
 * The name, if it is the name of a volume and not a path.
 * @throws InvalidArgumentError when it is empty
 */
export function volumeName(directoryOrVolume: string): string | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]+$/.test(directoryOrVolume)) return directoryOrVolume;
  if (/[\\/]/.test(directoryOrVolume)) return undefined;
  throw new InvalidArgumentError({
    what: `${JSON.stringify(directoryOrVolume)} names neither a directory nor a volume.`,
    remedy: 'give a path with a slash, such as "./iris-data", or a volume\'s name of letters, digits, "_", "." and "-"',
    argument: "directoryOrVolume",
    value: directoryOrVolume,
  });
}

/**
 * The absolute path of a directory that IRIS can write to; created if it is missing.
 * @throws InvalidArgumentError when it is not a directory, or IRIS could not write to it
 */
export function durableDirectory(path: string): string {
  const directory = fullPath(path);
  try {
    makeDirectories(directory, 0o777);
    if (!statSync(directory).isDirectory()) throw new Error("it is a file");
    // On Docker Desktop a container can write to everything that the user owns.
    if (process.platform !== "linux" || isWritableToIris(directory)) return directory;
    if (process.getuid?.() === 0) {
      chownSync(directory, IRIS_UID, IRIS_UID);
      return directory;
    }
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw unusable(`The directory ${directory} cannot be used for IRIS's data: ${words}`, "choose another", directory);
  }
  throw unusable(
    `IRIS could not write to ${directory}: its uid in the container is ${IRIS_UID}.`,
    `give it the directory: sudo chown ${IRIS_UID}:${IRIS_UID} '${directory.replaceAll("'", "'\\''")}'`,
    directory,
  );
}

/** Gives a new volume, which belongs to root, to IRIS's user. @throws the errors of Testcontainers if the image cannot run */
export async function giveVolumeToIris(image: string, volume: string): Promise<void> {
  const helper = await new GenericContainer(image)
    .withUser("root")
    .withEntrypoint(["chown"])
    .withCommand([`${IRIS_UID}:${IRIS_UID}`, DURABLE_MOUNT])
    .withBindMounts([{ source: volume, target: DURABLE_MOUNT, mode: "rw" }])
    .withWaitStrategy(Wait.forOneShotStartup())
    .start();
  await helper.stop();
}

function isWritableToIris(directory: string): boolean {
  const { uid, gid, mode } = statSync(directory);
  return (
    (mode & 0o002) !== 0 || (uid === IRIS_UID && (mode & 0o200) !== 0) || (gid === IRIS_UID && (mode & 0o020) !== 0)
  );
}

function unusable(what: string, remedy: string, value: string): InvalidArgumentError {
  return new InvalidArgumentError({ what, remedy, argument: "directoryOrVolume", value });
}
