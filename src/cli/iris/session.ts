import { buffer } from "node:stream/consumers";
import { InvalidArgumentError, IrisSessionError } from "../../errors/errors.ts";
import { DEFAULT_IRIS_NAMESPACE } from "../../iris/image.ts";
import { validNamespace } from "../../iris/names.ts";
import { objectScriptTask } from "../../iris/session/object-script.ts";
import { SESSION_COMMAND } from "../../iris/session-scripts.ts";
import { shown } from "../../settings/checks.ts";
import { commandText, projectWords } from "../../settings/command-text.ts";
import { plainLines } from "../../text/plain-text.ts";
import { utf8Text } from "../../text/utf8-text.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { reportError } from "../report-error.ts";
import { standardOutput } from "../terminal.ts";
import { attachedDocker } from "./attached-docker.ts";
import { type IrisOptions, openIris } from "./open-iris.ts";
import { requireRunning, upCommand } from "./require-running.ts";

/** Docker's own begin with Ctrl-P, which it keeps until the next key; in IRIS it recalls the previous command. */
const DETACH_KEYS = "--detach-keys=ctrl-^,ctrl-^";

/**
 * `iris-ports session [namespace]`: a session in the project's IRIS. Interactive in a terminal; a script on standard
 * input is run statement by statement up to the first error. Returns the exit code.
 * @throws ContainerStartError when the project's IRIS does not run
 */
export async function session(namespace: string | undefined, options: IrisOptions): Promise<number> {
  const open = openIris(options);
  const place = namespaceOf(namespace, options.instance, open.registry.registryPath);
  const { container, assignment } = await requireRunning(open, options);
  if (process.stdin.isTTY) {
    const command = ["iris", "session", "IRIS", "-U", place];
    return attachedDocker(open.engine, ["exec", "--interactive", "--tty", DETACH_KEYS, container.id, ...command]);
  }
  const source = scriptIn(await buffer(process.stdin));
  const { projectPath, instance } = assignment;
  const creation = upCommand(projectPath, instance, open.registry.registryPath, ["--namespace", place]);
  const waiting = upCommand(projectPath, instance, open.registry.registryPath);
  const task = objectScriptTask(source, { namespace: place, container: container.name, creation, waiting });
  const { host } = open.engine;
  // A script may take any time.
  const limits = { timeoutMs: Number.POSITIVE_INFINITY };
  const { stdout } = await host.exec(container.id, SESSION_COMMAND, { input: task.script, ...limits });
  const terminal = standardOutput();
  try {
    terminal.write(tidy(task.read(stdout), terminal.isInteractive));
    return EXIT_CODES.ok;
  } catch (error) {
    if (!(error instanceof IrisSessionError)) throw error;
    terminal.write(tidy(writtenBy(stdout), terminal.isInteractive));
    reportError(error);
    // The exit code that interpreters give if a line of their script fails.
    return EXIT_CODES.unexpected;
  }
}

function scriptIn(bytes: Buffer): string {
  try {
    return utf8Text(bytes);
  } catch (cause) {
    throw new InvalidArgumentError({
      what: "The script on standard input is not UTF-8 text.",
      state: "Nothing was run.",
      remedy: "convert it to UTF-8",
      argument: "script",
      value: undefined,
      cause,
    });
  }
}

function namespaceOf(name = DEFAULT_IRIS_NAMESPACE, instance: string | undefined, registryPath: string): string {
  if (!/[/\\]|^\.+$/.test(name)) return validNamespace(name);
  throw new InvalidArgumentError({
    what: `The argument of session is a namespace, but ${shown(name)} is a path.`,
    remedy: `name the project by --project: ${commandText(["session", "--project", ...projectWords(name, instance)], registryPath)}`,
    argument: "namespace",
    value: name,
  });
}

function tidy(output: string, isInteractive: boolean): string {
  const text = output.replace(/^(\r?\n)+/, "");
  if (text.trim() === "") return "";
  return `${isInteractive ? plainLines(text.trimEnd()) : text.trimEnd()}\n`;
}

/** What the statements wrote, up to the one that failed, between the markers of the script; see `ScriptBuilder`. */
function writtenBy(output: string): string {
  const steps = output.matchAll(/IP[0-9a-f]{16}<\d+:\r?\n([\s\S]*?)\r?\n?IP[0-9a-f]{16}>\d+:/g);
  return Array.from(steps, ([, written = ""]) => written).join("");
}
