import { IrisPortsError } from "../../errors/base.ts";
import { resolvePortRange, resolveRegistryPath } from "../../settings/config.ts";
import { identifyProject } from "../project.ts";
import type { CheckupOptions } from "./checkup.ts";
import { type Finding, fail, ok } from "./finding.ts";

const OLDEST_NODE = [22, 22] as const;

/** Checks that iris-ports supports this version of Node.js. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  if (!isOld) return ok("node", `Node.js ${version}`);
  return fail(
    "node",
    `Node.js ${version} is older than ${OLDEST_NODE.join(".")}`,
    "install a newer one: nvm install 24",
  );
}

/** Finds invalid options and environment values. */
export function checkSettings(options: Omit<CheckupOptions, "engine">): readonly Finding[] {
  const problems = [
    () => resolveRegistryPath(options.registryPath, "--registry"),
    () => resolvePortRange(options.portRange),
    () => identifyProject(),
  ].flatMap(problemOf);
  return problems.length > 0 ? problems : [ok("settings", "options and environment are usable")];
}

function problemOf(resolve: () => unknown): readonly Finding[] {
  try {
    resolve();
    return [];
  } catch (error) {
    if (!(error instanceof IrisPortsError)) throw error;
    return [fail("settings", error.what, error.remedy)];
  }
}
