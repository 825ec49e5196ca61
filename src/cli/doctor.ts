import { DockerCommand } from "../docker/docker-command.ts";
import { DockerodeEngine } from "../docker/dockerode-engine.ts";
import { ContainerEngineError, InvalidArgumentError } from "../errors/errors.ts";
import { checkUp } from "../registry/doctor/checkup.ts";
import { type Finding, warn } from "../registry/doctor/finding.ts";
import { commandText } from "../settings/command-text.ts";
import { plainJson, plainText } from "../text/plain-text.ts";
import type { Style } from "../text/table.ts";
import { canAsk, confirm } from "./confirm.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { type GlobalOptions, openRegistry } from "./open-registry.ts";
import { type Repair, repair, repairJson, repairText } from "./repair.ts";
import { standardError, standardOutput, type Terminal } from "./terminal.ts";

type DoctorOptions = GlobalOptions & {
  repair?: boolean;
  withoutEngine?: boolean;
  force?: boolean;
  yes?: boolean;
  json?: boolean;
};

const STYLE_OF_VERDICT = { ok: "good", warn: "warning", fail: "bad" } as const satisfies Record<
  Finding["verdict"],
  Style
>;

const DOCKER_TIMEOUT_MS = 5_000;

/**
 * `iris-ports doctor`: reports problems; with `--repair`, fixes what it can and reports the remaining ones. Returns
 * the exit code. @throws InvalidArgumentError without a terminal to ask on
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  const terminal = standardOutput();
  const before = await look(options);
  if (!options.repair) return report(before, undefined, terminal, options);
  const registry = openRegistry(options);
  if (!options.yes && !canAsk()) throw noTerminal(registry.registryPath);
  if (!options.yes) {
    const asking = standardError();
    asking.write(findingsText(before, asking));
    const answer = await confirm("Repair the registry? Unreadable files are kept beside it. [y/N] ");
    if (answer !== "yes") {
      asking.write("Nothing was changed.\n");
      return answer === "interrupted" ? EXIT_CODES.interrupted : exitCodeFor(before);
    }
  }
  const done = await repair(registry, {
    isEngineOptional: options.withoutEngine ?? false,
    isForced: options.force ?? false,
  });
  return report(await look(options), done, terminal, options);
}

async function look({ registry, range }: GlobalOptions): Promise<readonly Finding[]> {
  const findings = await checkUp({ engine: new DockerodeEngine(), registryPath: registry, portRange: range });
  // Without an engine, the docker command would be of no use.
  const hasEngine = findings.some(({ check, verdict }) => check === "engine" && verdict === "ok");
  return hasEngine ? [...findings, ...(await checkDockerCommand())] : findings;
}

async function checkDockerCommand(): Promise<readonly Finding[]> {
  try {
    await new DockerCommand().run(["--version"], { timeoutMs: DOCKER_TIMEOUT_MS });
    return [];
  } catch (error) {
    if (!(error instanceof ContainerEngineError)) throw error;
    const needed = `\`${commandText(["up"])}\` and the action's \`image\` need it`;
    return [warn("docker", `${error.what} Ports and the library work without it; ${needed}.`, error.remedy)];
  }
}

function report(
  findings: readonly Finding[],
  done: Repair | undefined,
  terminal: Terminal,
  { json }: DoctorOptions,
): number {
  if (json) terminal.write(`${plainJson({ repaired: done && repairJson(done), findings })}\n`);
  else terminal.write((done ? repairText(done) : "") + findingsText(findings, terminal));
  return exitCodeFor(findings);
}

function exitCodeFor(findings: readonly Finding[]): number {
  return findings.some(({ verdict }) => verdict === "fail") ? EXIT_CODES.unhealthy : EXIT_CODES.ok;
}

/** One line per finding, and a second one with the fix if it is a problem. */
function findingsText(findings: readonly Finding[], terminal: Terminal): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  return findings
    .map(({ check, verdict, text, remedy }) => {
      const mark = terminal.paint(STYLE_OF_VERDICT[verdict], verdict.padEnd(4));
      const fix = remedy === undefined ? "" : `${" ".repeat(width + 8)}to fix: ${plainText(remedy)}\n`;
      return `${mark}  ${check.padEnd(width)}  ${plainText(text)}\n${fix}`;
    })
    .join("");
}

function noTerminal(registryPath: string): InvalidArgumentError {
  return new InvalidArgumentError({
    what: `\`${commandText(["doctor", "--repair"])}\` asks for confirmation, but there is no terminal to ask on.`,
    state: "Nothing was changed.",
    remedy: `see what is wrong (${commandText(["doctor"], registryPath)}), then: ${commandText(["doctor", "--repair", "--yes"], registryPath)}`,
    argument: "--yes",
    value: undefined,
  });
}
