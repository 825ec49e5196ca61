import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { LABEL_REGISTRY } from "../src/registry/labels.ts";
import { type DemoImage, findDemoImage } from "./demo-image.ts";
import { DemoProcess, type DemoReport } from "./demo-project.ts";
import { DemoScreen } from "./demo-screen.ts";
import { ensureEngine } from "./ensure-engine.ts";
import { runCommand } from "./run-command.ts";
import { goWithoutRyukWhereItIsMissing } from "./ryuk-image.ts";

const CLI = fileURLToPath(new URL("../src/cli/bin.ts", import.meta.url));
const screen = new DemoScreen();
const directory = realpathSync(mkdtempSync(join(tmpdir(), "iris-ports-demo-")));
const processes: DemoProcess[] = [];

/** The demo uses its own registry and does not touch what other projects of this machine have. */
const registryPath = join(directory, "port-registry.json");
process.env.IRIS_PORT_REGISTRY = registryPath;
for (const variable of ["IRIS_PORTS_PROJECT", "IRIS_PORTS_INSTANCE"]) delete process.env[variable];

async function demo(): Promise<void> {
  screen.title("iris-ports: a stable port for every IRIS on this machine");
  screen.note(`The container engine ${await ensureEngine()} answers.`);
  await goWithoutRyukWhereItIsMissing();
  const image = await screen.waitFor("Looking for an image of IRIS, and pulling it", findDemoImage());
  screen.note(image.why);
  const [shop, crm] = [project("shop"), project("crm")];

  screen.step("Two projects start IRIS at the same time, each in a process of its own");
  const makers = { shop: launch(image, shop), crm: launch(image, crm) };
  const both = Promise.all([reported("shop", makers.shop), reported("crm", makers.crm)]);
  const [first, other] = await screen.waitFor("Waiting for both", both);
  screen.claim("They got two different ports.", first.port !== other.port);

  screen.step("Each answers under its own identity");
  for (const [name, report] of [
    ["shop", first],
    ["crm", other],
  ] as const) {
    const answer = await identify(image, report, name);
    screen.claim(`Port ${screen.strong(report.port)} says: ${answer.words}`, answer.isOwn);
  }

  screen.step("What `iris-ports list` shows while both run");
  await showList();
  const listed = await listedPorts();
  screen.claim("Both are in the list.", listed.includes(first.port) && listed.includes(other.port));

  screen.step("A second process starts IRIS in the project shop");
  const guest = launch(image, shop);
  const joined = await screen.waitFor("Waiting for it", reported("shop", guest));
  screen.claim("It joined the running container.", joined.id === first.id && joined.port === first.port);
  await screen.waitFor("The first process of shop stops", makers.shop.stop());
  screen.claim("The container stays for the second one.", await isRunning(first.id));
  await screen.waitFor("The second process of shop stops", guest.stop());
  screen.claim("The last one removed it.", !(await isRunning(first.id)));

  screen.step("shop starts again");
  const again = launch(image, shop);
  const restarted = await screen.waitFor("Waiting for it", reported("shop", again));
  screen.claim(`It has its port ${screen.strong(first.port)} again.`, restarted.port === first.port);
  screen.claim("It is a fresh container.", restarted.id !== first.id);

  screen.step(`kill -9 ${again.pid}: the process of shop dies, and its container is left behind`);
  await again.kill();
  const heir = launch(image, shop);
  const reclaimed = await screen.waitFor("Waiting for the next start", reported("shop", heir));
  screen.claim(`The next start reclaimed port ${screen.strong(first.port)}.`, reclaimed.port === first.port);
  screen.claim("The container that was left behind is gone.", !(await isRunning(restarted.id)));
}

let cleaning: Promise<void> | undefined;

/** Runs once, even if Ctrl-C arrives meanwhile; nothing is started after it has begun. */
function cleanUp(): Promise<void> {
  cleaning ??= removeAll();
  return cleaning;
}

async function removeAll(): Promise<void> {
  if (processes.length === 0) return rmSync(directory, { recursive: true });
  screen.step("Cleaning up");
  await Promise.all(processes.map((each) => each.stop()));
  const filter = `label=${LABEL_REGISTRY}=${registryPath}`;
  const { stdout } = await runCommand("docker", ["ps", "--all", "--quiet", "--filter", filter]);
  const ids = stdout.split("\n").filter(Boolean);
  if (ids.length > 0) await runCommand("docker", ["rm", "--force", "--volumes", ...ids]);
  const ports = await listedPorts();
  rmSync(directory, { recursive: true });
  screen.claim("No container is left.", ids.length === 0);
  screen.claim("No port is assigned any more.", ports.length === 0);
}

function project(name: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  return path;
}

function launch(image: DemoImage, path: string): DemoProcess {
  if (cleaning !== undefined) throw new Error("The demo was interrupted.");
  const launched = new DemoProcess(image.name, path, path.slice(directory.length + 1));
  processes.push(launched);
  return launched;
}

async function reported(name: string, launched: DemoProcess): Promise<DemoReport> {
  const startedAt = performance.now();
  screen.note(`Process ${launched.pid} starts the IRIS of ${name}.`);
  const report = await launched.started();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  screen.line(`${name} is on port ${screen.strong(report.port)} after ${seconds} s, in container ${report.name}`);
  return report;
}

/**
 * The stand-in sends its identity on its port; in real IRIS, a session checks for the namespace that only this IRIS
 * has.
 */
async function identify({ isStandin }: DemoImage, { id, port }: DemoReport, name: string) {
  if (isStandin) {
    const words = (await text(connect({ host: "127.0.0.1", port }))).trim();
    return { words: `"${words}"`, isOwn: words === `iris-standin ${id.slice(0, 12)} ${name}` };
  }
  const published = await runCommand("docker", ["ps", "--quiet", "--no-trunc", "--filter", `publish=${port}`]);
  const script = `write "namespace "_##class(%SYS.Namespace).Exists("${name.toUpperCase()}"),!\nhalt\n`;
  const session = ["exec", "--interactive", id, "iris", "session", "IRIS", "-U", "%SYS"];
  const { stdout } = await runCommand("docker", session, { input: script });
  const isOwn = published.stdout.trim() === id && stdout.includes("namespace 1");
  return { words: `namespace ${name.toUpperCase()}`, isOwn };
}

async function isRunning(id: string): Promise<boolean> {
  const { stdout } = await runCommand("docker", ["inspect", "--format", "{{.State.Running}}", id]);
  return stdout.trim() === "true";
}

async function listedPorts(): Promise<readonly number[]> {
  const assignments: readonly { port: number }[] = JSON.parse((await cli("list", "--json")).stdout);
  return assignments.map(({ port }) => port);
}

/** In a terminal the command line prints directly, so that it knows the terminal's width and colours. */
async function showList(): Promise<void> {
  if (process.stdout.isTTY) await runCommand(process.execPath, [CLI, "list"], { isShown: true });
  else for (const line of (await cli("list")).stdout.trimEnd().split("\n")) screen.line(line);
}

function cli(...args: string[]) {
  return runCommand(process.execPath, [CLI, ...args]);
}

process.once("SIGINT", () => void cleanUp().finally(() => process.exit(130)));
let isComplete = false;
try {
  await demo();
  isComplete = true;
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`);
} finally {
  await cleanUp();
}
process.exitCode = screen.finish() && isComplete ? 0 : 1;
