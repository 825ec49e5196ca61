import { statSync } from "node:fs";
import { dirname } from "node:path";
import { InvalidArgumentError } from "../errors/errors.ts";
import { identifyProject, type ProjectIdentity } from "../registry/project.ts";
import type { PortRegistry } from "../registry/registry.ts";
import { commandText } from "../settings/command-text.ts";
import { environment } from "../settings/config.ts";
import { plainText } from "../text/plain-text.ts";

/**
 * The project that a command is to take a port for. Its directory must exist, because a mistyped path would silently get
 * a port of its own. Says on standard error when a directory above it is a project that has a port.
 * @throws InvalidArgumentError for a path that is missing or not a directory
 */
export async function requireProject(
  registry: PortRegistry,
  project: string | undefined,
  instance: string | undefined,
): Promise<ProjectIdentity> {
  const identity = identifyProject(project, instance);
  const isAssigned = (await registry.getAssignment(identity)) !== undefined;
  // In a container, the job's project is a path of the host.
  const isJobs = project === undefined && environment().project !== undefined && isAssigned;
  if (!isJobs) checkDirectory(identity.projectPath);
  if (!isAssigned) await noteProjectAbove(registry, identity.projectPath);
  return identity;
}

function checkDirectory(path: string): void {
  const found = lookAt(path);
  if (found === "directory") return;
  const [problem, remedy] = PROBLEMS[found](path);
  throw new InvalidArgumentError({
    what: `The project ${path} ${problem}.`,
    state: "No port was assigned.",
    remedy,
    argument: "project",
    value: path,
  });
}

const PROBLEMS = {
  other: (path: string) => ["is not a directory", `give the directory it is in: ${dirname(path)}`],
  missing: () => ["does not exist", "correct the path, or create the directory first"],
  unreadable: () => ["cannot be read by this user", "check the permissions of the directories above it"],
} as const satisfies Record<string, (path: string) => readonly [problem: string, remedy: string]>;

function lookAt(path: string): "directory" | keyof typeof PROBLEMS {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return "missing";
    return stat.isDirectory() ? "directory" : "other";
  } catch {
    // Whatever the system's error, this user cannot use the path.
    return "unreadable";
  }
}

async function noteProjectAbove(registry: PortRegistry, path: string): Promise<void> {
  for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
    const assignment = await registry.getAssignment(above);
    if (assignment === undefined) continue;
    const command = commandText(["port", above], registry.registryPath);
    const text = `${path} is a separate project inside project ${above}, which has port ${assignment.port} (${command}).`;
    process.stderr.write(`iris-ports: ${plainText(text)}\n`);
    return;
  }
}
