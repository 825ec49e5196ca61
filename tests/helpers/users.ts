import { fileURLToPath } from "node:url";
import { Program } from "./processes.ts";

/** Only root may become another user: elsewhere the tests that need it are skipped by name. */
export const CAN_BE_OTHERS = process.platform === "linux" && process.getuid?.() === 0;

/** Another user of this host; needs no entry in the system's list of users. */
export type User = { readonly uid: number; readonly gid: number; readonly groups?: readonly number[] };

const SHARED_GROUP = 65_100;
/** Two users who share a group, and one outside it. */
export const ALICE: User = { uid: 65_001, gid: 65_001, groups: [SHARED_GROUP] };
export const BOB: User = { uid: 65_002, gid: 65_002, groups: [SHARED_GROUP] };
export const MALLORY: User = { uid: 65_003, gid: 65_003 };
export { SHARED_GROUP };

/** Runs a command as another user, with that user's usual umask. */
export function runAs({ uid, gid, groups }: User, command: string, ...args: readonly string[]): Program {
  const group = groups === undefined ? ["--clear-groups"] : ["--groups", groups.join(",")];
  const identity = ["--reuid", String(uid), "--regid", String(gid), ...group];
  return new Program("setpriv", [...identity, "--", command, ...args], { env: { HOME: "/nonexistent" }, cwd: "/" });
}

/** The result of a registry operation by another user; see tests/fixtures/registry-user.ts. */
export async function askAs(
  user: User,
  registryPath: string,
  range: readonly number[],
  ...words: string[]
): Promise<Record<string, unknown>> {
  const fixture = fileURLToPath(new URL("../fixtures/registry-user.ts", import.meta.url));
  const args = ["--disable-warning=ExperimentalWarning", fixture, registryPath, range.join("-"), ...words];
  const [line = "null"] = await runAs(user, process.execPath, ...args).output();
  return JSON.parse(line);
}
