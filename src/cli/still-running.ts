import type { ListedAssignment } from "../registry/assignment.ts";
import { plainText } from "../text/plain-text.ts";
import { standardError } from "./terminal.ts";

/** Names the containers and processes that still use a released port. */
export function reportStillRunning({ evidence, port }: ListedAssignment): void {
  const users = evidence
    .filter(({ kind, verdict }) => verdict === "alive" && (kind === "container" || kind === "holder"))
    .filter(({ text }) => !text.startsWith("manual"));
  for (const { text } of users) standardError().write(`${plainText(`Port ${port} may still be in use by ${text}`)}\n`);
}
