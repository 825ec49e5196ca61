import type { ListedAssignment } from "../registry/assignment.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { commandText, projectWords } from "../settings/command-text.ts";
import { plainText } from "../text/plain-text.ts";
import { UP_HOLDER_ID } from "./iris/up-holder.ts";
import { standardError } from "./terminal.ts";

/** Names the containers and processes that still use a released port, and how to stop an IRIS of `up`. */
export function reportStillRunning(
  { evidence, port, holders, projectPath, instance }: ListedAssignment,
  { registryPath }: PortRegistry,
): void {
  const users = evidence
    .filter(({ kind, verdict }) => verdict === "alive" && (kind === "container" || kind === "holder"))
    .filter(({ text }) => !text.startsWith("manual"));
  for (const { text } of users) standardError().write(`${plainText(`Port ${port} may still be in use by ${text}`)}\n`);
  if (!users.some(({ kind }) => kind === "container") || !holders.some(({ id }) => id === UP_HOLDER_ID)) return;
  const down = commandText(["down", ...projectWords(projectPath, instance)], registryPath);
  standardError().write(`To stop it: ${plainText(down)}\n`);
}
