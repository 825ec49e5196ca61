import { chownSync, statSync } from "node:fs";
import { GenericContainer, Wait } from "testcontainers";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { IRIS_DURABLE_MOUNT, IRIS_UID } from "../../iris/image.ts";
import { shown } from "../../settings/checks.ts";
import { shellQuoted } from "../../settings/command-text.ts";
import { fullPath } from "../../settings/working-directory.ts";
import { makeDirectories } from "../../stores/directories.ts";
import { subordinateId } from "./subordinate-ids.ts";

/**
 * The name, if it is the name of a volume and not a path.
 * @throws InvalidArgumentError when it is neither
 */
export function volumeName(directoryOrVolume: string): string | undefined {
  const text = typeof directoryOrVolume === "string" ? directoryOrVolume : "";
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]+$/.test(text)) return text;
  if (/[\\/]/.test(text)) return undefined;
  throw new InvalidArgumentError({
    what: `${shown(directoryOrVolume)} names neither a directory nor a volume.`,
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
  const chown = `chown ${IRIS_UID}:${IRIS_UID} ${shellQuoted(directory)}`;
  throw unusable(
    `IRIS could not write to ${directory}: its uid in the container is ${IRIS_UID}.`,
    `give it the directory: sudo ${chown}; with rootless podman: podman unshare ${chown}`,
    directory,
  );
}

/** Gives a new volume, which belongs to root, to IRIS's user. @throws the errors of Testcontainers if the image cannot run */
export async function giveVolumeToIris(image: string, volume: string): Promise<void> {
  const helper = await new GenericContainer(image)
    .withUser("root")
    .withEntrypoint(["chown"])
    .withCommand([`${IRIS_UID}:${IRIS_UID}`, IRIS_DURABLE_MOUNT])
    .withBindMounts([{ source: volume, target: IRIS_DURABLE_MOUNT, mode: "rw" }])
    .withWaitStrategy(Wait.forOneShotStartup())
    .start();
  await helper.stop();
}

/** Under any engine of this machine: a rootless one maps ids to those of the user's subordinate range. */
function isWritableToIris(directory: string): boolean {
  const { uid, gid, mode } = statSync(directory);
  const isOf = (id: number, file: string) => id === IRIS_UID || id === subordinateId(file, IRIS_UID);
  if ((mode & 0o002) !== 0) return true;
  return (isOf(uid, "/etc/subuid") && (mode & 0o200) !== 0) || (isOf(gid, "/etc/subgid") && (mode & 0o020) !== 0);
}

function unusable(what: string, remedy: string, value: string): InvalidArgumentError {
  return new InvalidArgumentError({ what, remedy, argument: "directoryOrVolume", value });
}
