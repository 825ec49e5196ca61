import { existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";

/**
 * The id on this machine that an id of a container, other than root's, has under a rootless engine of this user; undefined if
 * the file assigns this user too few.
 * @param file `/etc/subuid` or `/etc/subgid`: `<name or uid>:<first>:<count>`
 * @see user_namespaces(7)
 */
export function subordinateId(file: string, containerId: number): number | undefined {
  if (!existsSync(file)) return undefined;
  const { username, uid } = userInfo();
  // The user is root in the container, so the first of these ids is 1 there.
  let offset = containerId - 1;
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [owner, first, count] = line.split(":");
    if (owner !== username && owner !== String(uid)) continue;
    if (offset < Number(count)) return Number(first) + offset;
    offset -= Number(count);
  }
  return undefined;
}
