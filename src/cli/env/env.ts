import { basename } from "node:path";
import { InvalidArgumentError } from "../../errors/errors.ts";
import { warn } from "../../errors/warning.ts";
import { HIGHEST_WITH_WEB_PORT } from "../../registry/allocation/web-port.ts";
import type { PortAssignment } from "../../registry/assignment.ts";
import { PortConflictError } from "../../registry/errors.ts";
import { identifyProject, type ProjectIdentity } from "../../registry/project.ts";
import type { PortRegistry } from "../../registry/registry.ts";
import { commandText, projectWords } from "../../settings/command-text.ts";
import { DEFAULT_PORT_RANGE } from "../../settings/config.ts";
import { fullPath } from "../../settings/working-directory.ts";
import { plainJson, plainText } from "../../text/plain-text.ts";
import { type AssignCommandOptions, assignedLoss } from "../assign.ts";
import { endpointOf, type LoginOptions } from "../connection.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { holderFor, requestOptions, webPortRefusal } from "../holder-options.ts";
import { requireProject } from "../project-directory.ts";
import { openRegistryAndEngine, type RegistryAndEngine, servedWebPort } from "../served-web-port.ts";
import { explainOutputLoss, standardError, standardOutput } from "../terminal.ts";
import { type Edit, editFile, type WrittenFormat } from "./edit-file.ts";
import { dotenvLines, shellLines, tomlLines } from "./formats.ts";
import { readTextFile, unusable, writeTextFile } from "./text-file.ts";
import { variablesOf } from "./variables.ts";
import { vscodeSettings, withSettings } from "./vscode-settings.ts";

const FORMATS = ["shell", "dotenv", "json", "vscode", "toml"] as const;
const NEEDED = "The formats vscode and toml need a web port.";
type Format = (typeof FORMATS)[number];

export type EnvOptions = AssignCommandOptions &
  LoginOptions & {
    readonly format?: string;
    readonly write?: readonly string[];
    readonly check?: boolean;
    readonly force?: boolean;
  };

/**
 * `iris-ports env [project]`: prints the project's port for tools to read, or writes it into their files; assigns one
 * if there is none. Returns the exit code: 1 if `--check` finds a file out of date.
 */
export async function env(project: string | undefined, options: EnvOptions): Promise<number> {
  const open = openRegistryAndEngine(options);
  const { registry } = open;
  const files = options.write ?? (options.check ? [".env"] : []);
  const targets = files.map((file) => ({ file, format: writtenFormat(file, options.format) }));
  const format = options.format === undefined ? "shell" : checkFormat(options.format);
  // The files are checked before a port is assigned.
  const plan = (assignment: PortAssignment) => targets.map((target) => edit(target, assignment, registry, options));
  plan(placeholder(identifyProject(project, options.instance)));
  const needsWebPort = isWebPortNeeded([format, ...targets.map((target) => target.format)], options);
  if (options.check) return check(project, open, plan, options);

  const identity = await requireProject(registry, project, options.instance);
  const assigned = await assign(registry, identity, options, needsWebPort);
  explainOutputLoss(assignedLoss(assigned, registry.registryPath));
  const { assignment, note: webPortNote } = await withServedWebPort(open, assigned, options);
  if (webPortNote !== undefined) warn(webPortNote);
  if (targets.length === 0) standardOutput().write(printed(format, assignment, registry, options));
  for (const { file, text, isCurrent, note } of plan(assignment)) {
    if (!isCurrent) writeTextFile(file, text);
    const ports = [`port ${assignment.port}`, ...(assignment.webPort ? [`web port ${assignment.webPort}`] : [])];
    const said = isCurrent ? `${file.path} is up to date` : `Wrote ${ports.join(" and ")} to ${file.path}`;
    standardOutput().write(`${plainText(said)}.\n`);
    if (note !== undefined) warn(note);
  }
  return EXIT_CODES.ok;
}

async function check(
  project: string | undefined,
  open: RegistryAndEngine,
  plan: (assignment: PortAssignment) => readonly Edit[],
  options: EnvOptions,
): Promise<number> {
  const assignment = await open.registry.getAssignment(project, { instance: options.instance });
  const outdated =
    assignment === undefined
      ? ["The project has no port assigned"]
      : plan((await withServedWebPort(open, assignment, options)).assignment)
          .filter(({ isCurrent }) => !isCurrent)
          .map(({ file }) => `${file.path} is out of date`);
  const remedy = `run the same command ${options.write === undefined ? "with --write .env instead of" : "without"} --check`;
  for (const text of outdated) standardError().write(`${plainText(text)}: ${remedy}.\n`);
  return outdated.length > 0 ? EXIT_CODES.unexpected : EXIT_CODES.ok;
}

/**
 * The assignment with the web port that works now: a container that runs already may publish its web server on another
 * port than the assigned one.
 */
async function withServedWebPort(
  open: RegistryAndEngine,
  assignment: PortAssignment,
  options: EnvOptions,
): Promise<{ readonly assignment: PortAssignment; readonly note: string | undefined }> {
  const assigned = assignment.webPort;
  const isWanted = assigned !== undefined || options.webPort !== false;
  const { container, webPort, warning } = isWanted ? await servedWebPort(open, assignment) : {};
  if (container === undefined || webPort === assigned) return { assignment, note: warning };
  if (webPort === undefined)
    return {
      assignment,
      note: `Web port ${assigned} does not work now: container ${container} publishes no web port.`,
    };
  const later =
    assigned === undefined ? "" : `, not on the assigned web port ${assigned}, which the next container gets`;
  const note = `Web port ${webPort} works only now: container ${container} publishes its web server there${later}.`;
  return { assignment: { ...assignment, webPort }, note };
}

/** Also assigns a web port if the range permits one and no other program uses it; fails without it only if it is needed. */
async function assign(
  registry: PortRegistry,
  project: ProjectIdentity,
  options: EnvOptions,
  needsWebPort: boolean,
): Promise<PortAssignment> {
  const request = { ...requestOptions(options), holder: await holderFor({}, project.projectPath) };
  if (options.webPort === false) return registry.assignPort(project, request);
  try {
    return await registry.assignPort(project, { ...request, hasWebPort: true });
  } catch (error) {
    const refusal = webPortRefusal(error, request.preferredPort);
    if (refusal instanceof InvalidArgumentError && needsWebPort)
      throw await noWebPort(registry, project, refusal, request.preferredPort);
    if (options.webPort || needsWebPort || refusal === undefined) throw error;
    const assignment = await registry.assignPort(project, request);
    if (refusal instanceof PortConflictError) warn(`There is no web port: ${refusal.what}`);
    return assignment;
  }
}

/** For formats that cannot do without a web port. */
async function noWebPort(
  registry: PortRegistry,
  project: ProjectIdentity,
  cause: InvalidArgumentError,
  preferredPort: number | undefined,
): Promise<InvalidArgumentError> {
  const { value } = cause;
  const invalid = (argument: string, remedy: string) =>
    new InvalidArgumentError({
      what: `${cause.what} ${NEEDED}`,
      state: "Nothing was changed.",
      remedy,
      argument,
      value,
      cause,
    });
  if (value === preferredPort) return invalid("--port", `give --port up to ${HIGHEST_WITH_WEB_PORT}, or leave it out`);
  const command = (name: string) =>
    commandText([name, ...projectWords(project.projectPath, project.instance)], registry.registryPath);
  const again = `run the command again with lower ports: --range ${DEFAULT_PORT_RANGE.join("-")}`;
  if ((await registry.getAssignment(project)) !== undefined)
    return invalid("--range", `release the port (${command("release")}), then ${again}`);
  // Within a range of lower ports, only the project's own container is on another port.
  const isRange = value === registry.portRange[1];
  return invalid(
    "--range",
    isRange ? again : `remove the project's container on port ${value} first: ${command("down")}`,
  );
}

/** @throws InvalidArgumentError when a web port is needed and excluded */
function isWebPortNeeded(formats: readonly Format[], { webPort }: EnvOptions): boolean {
  const isNeeded = formats.some((format) => format === "vscode" || format === "toml");
  if (!isNeeded || webPort !== false) return isNeeded;
  throw new InvalidArgumentError({
    what: `${NEEDED} --no-web-port excludes it.`,
    state: "Nothing was changed.",
    remedy: "leave --no-web-port out, or choose another format",
    argument: "--no-web-port",
    value: true,
  });
}

function edit(
  { file, format }: { file: string; format: WrittenFormat },
  assignment: PortAssignment,
  registry: PortRegistry,
  options: EnvOptions,
): Edit {
  return editFile(readTextFile(fullPath(file)), format, assignment, endpointOf(registry.engine, options), options);
}

function printed(format: Format, assignment: PortAssignment, registry: PortRegistry, options: EnvOptions): string {
  const endpoint = endpointOf(registry.engine, options);
  const variables = variablesOf(assignment, endpoint);
  switch (format) {
    case "json":
      return `${plainJson(variables)}\n`;
    case "vscode":
      return withSettings("", "", vscodeSettings(assignment, endpoint, options)).text;
    case "toml":
      return `${tomlLines(assignment, endpoint).join("\n")}\n`;
    default:
      return `${(format === "shell" ? shellLines : dotenvLines)(variables).join("\n")}\n`;
  }
}

function checkFormat(format: string): Format {
  const found = FORMATS.find((name) => name === format);
  if (found !== undefined) return found;
  throw new InvalidArgumentError({
    what: `--format has an unknown value: ${JSON.stringify(format)}.`,
    remedy: `give one of ${FORMATS.join(", ")}`,
    argument: "--format",
    value: format,
  });
}

/** The given format, else the one of the file's name. */
function writtenFormat(file: string, given: string | undefined): WrittenFormat {
  const name = basename(file);
  const byName = /^settings\.json$|\.code-workspace$/i.test(name)
    ? "vscode"
    : /\.toml$/i.test(name)
      ? "toml"
      : name === ".envrc"
        ? "shell"
        : /^\.env\b|\.env$/i.test(name)
          ? "dotenv"
          : undefined;
  const format = given === undefined ? byName : checkFormat(given);
  if (format !== undefined && format !== "json") return format;
  throw format === "json"
    ? unusable(
        file,
        "cannot be written as json: JSON has no comments that could mark the lines of iris-ports",
        "redirect the output to a file instead",
      )
    : unusable(file, "has a name that does not tell its format", "add --format shell, dotenv, vscode or toml");
}

/** Stands for the assignment while only the files are checked. */
function placeholder(identity: ProjectIdentity): PortAssignment {
  const { instance, ...rest } = identity;
  return {
    ...rest,
    ...(instance === undefined ? {} : { instance }),
    port: 1972,
    webPort: 52773,
    assignedAt: new Date(0),
    assignmentType: "auto",
    status: "active",
    containerName: "",
  };
}
