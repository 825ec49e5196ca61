import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost, type StepResult } from "../helpers/fake-runner.ts";

const AT_ONCE = 4;

/** What the runner would obey: a line that begins like a command, or one that has the old form anywhere. */
function commandsIn({ stdout }: StepResult): string[] {
  return stdout.split(/\r\n|\r|\n/).filter((line) => /^\s*::/.test(line) || line.includes("##["));
}

/** The commands that the action itself gives. */
const OWN_COMMANDS = /^::(debug|group|endgroup|add-mask|warning title=[^:]*|error title=[^:]*)::/;

/** An input, a value it cannot have, and words of the refusal. */
const REFUSED: readonly (readonly [input: string, value: string, words: string])[] = [
  ["project", "line\nbreak", "has line breaks"],
  ["project", "bell\u0007", "has line breaks or other control characters"],
  ["project", '"packages/a"', "Input `project` contains shell syntax"],
  ["project", "~/shop", "Input `project` contains shell syntax"],
  ["instance", "../../etc", "Input `instance` is not a usable name"],
  ["instance", "a b", "Input `instance` is not a usable name"],
  ["preferred-port", "0", "`preferred-port`"],
  ["preferred-port", "70000", "`preferred-port`"],
  ["preferred-port", "1972; rm -rf /", "`preferred-port`"],
  ["preferred-port", "0x7b4", "`preferred-port`"],
  ["port-range", "1981-1972", "Input `port-range` is not a range of ports"],
  ["port-range", "abc", "Input `port-range` is not a range of ports"],
  ["wait-timeout", "forever", "`wait-timeout` is not a duration"],
  ["wait-timeout", "-1", "`wait-timeout` is not a duration"],
  ["env-name", "PATH", "`env-name`"],
  ["env-name", "Path", "`env-name`"],
  ["env-name", "NODE_OPTIONS", "`env-name`"],
  ["env-name", "GITHUB_TOKEN", "`env-name`"],
  ["env-name", "RUNNER_TEMP", "`env-name`"],
  ["env-name", "ACTIONS_RUNTIME_TOKEN", "`env-name`"],
  ["env-name", "LD_PRELOAD", "`env-name`"],
  ["env-name", "DYLD_INSERT_LIBRARIES", "`env-name`"],
  ["env-name", "BASH_ENV", "`env-name`"],
  ["env-name", "GIT_SSH_COMMAND", "`env-name`"],
  ["env-name", "IRIS_PORTS_PROJECT", "`env-name`"],
  ["env-name", "1A", "`env-name`"],
  ["env-name", "A=B", "`env-name`"],
  ["env-name", "A\nB=C", "`env-name`"],
  ["registry-path", "a\u0001b", "control characters"],
  ["registry-path", "reg.json", "Input `registry-path` is not"],
  ["container-port", "abc", "`container-port`"],
  ["container-env", `LD_PRELOAD=${"x".repeat(70_000)}`, "`container-env`"],
  ["container-env", "=x", "`container-env`"],
  ["container-env", "A-B=x", "`container-env`"],
  ["container-env", "ISC_CPF_MERGE_FILE=/x", "which `cpf-merge` needs"],
  ["container-options", "--name=other", "`container-options` has an option that is not allowed"],
  ["container-options", "another-image", "`container-options` has a word that is not an option"],
  ["license-key", "no-such.key", "`license-key` names no file"],
  ["cpf-merge", "no-such.cpf", "`cpf-merge` names a file that cannot be read"],
  ["init-scripts", "no-such.sql", "`init-scripts` names a file that cannot be read"],
  ["image", "--privileged", "`image` is not a reference"],
  ["image", "a b", "`image` is not a reference"],
  ["image", "$(reboot)", "`image` is not a reference"],
  ["pull", "sometimes", "write one of missing, always, never"],
  ["web-port", "maybe", "`web-port`"],
  ["username", "only", "needs a `password`"],
  ["username", "a\tb", "control characters"],
  ["password", "a\nb", "password"],
  ["namespace", "a;b", "namespace"],
  ["start-timeout", "soon", "`start-timeout` is not a duration"],
  ["start-timeout", "0", "`start-timeout` leaves IRIS no time"],
  ["start-timeout", "999999h", "`start-timeout` is longer than a job can take"],
  ["wait-timeout", "121h", "`wait-timeout` is longer than a job can take"],
  ["max-job-minutes", "0", "`max-job-minutes`"],
  ["matrix", "{", "`matrix` is not JSON"],
];

test("E1: an invalid input is refused with a remedy, before anything is done", async () => {
  const host = await FakeHost.create(1);
  const job = host.job();
  const check = async ([input, value, words]: (typeof REFUSED)[number]) => {
    const login = input === "username" ? {} : { username: "tester", password: "secret" };
    const merge = input === "container-env" ? { "cpf-merge": "[config]\nlocale=x" } : {};
    const main = await job.main({ inputs: { ...login, ...merge, [input]: value } });
    const about = `${input} ${JSON.stringify(value)}: ${main.stdout}`;
    expect(main, about).toMatchObject({ code: 1, stderr: "", outputs: {}, env: {}, state: {} });
    const errors = commandsIn(main);
    expect(errors, about).toEqual([
      expect.stringMatching(/^::error title=iris-ports%3A INVALID_ARGUMENT::.*%0ATo fix: /),
    ]);
    expect(errors[0], about).toContain(words);
    expect(main.stdout, about).not.toMatch(/^\s+at /m);
  };
  for (let index = 0; index < REFUSED.length; index += AT_ONCE) {
    await Promise.all(REFUSED.slice(index, index + AT_ONCE).map(check));
  }
  expect(existsSync(host.registryPath)).toBe(false);
});

const INJECTIONS = [
  "::error::owned",
  "##[set-output name=port;]1",
  "\u001b[31mred",
  "$(touch owned)",
  "`id`",
  "@team",
  "</code><script>",
];

test("E3: nothing in a matrix, a path or an image's log becomes a command, a colour, or HTML", async () => {
  const host = await FakeHost.create();
  const project = join(
    host.directory,
    INJECTIONS.filter((text) => !text.includes("\u001b"))
      .join(" ")
      .replaceAll("/", "_"),
  );
  const job = host.job({ matrix: { evil: INJECTIONS }, env: { GITHUB_WORKFLOW: INJECTIONS.join("\n") } });
  const env = `IRIS_STANDIN_IDENTITY=${INJECTIONS[1]}`;
  const main = await job.main({ inputs: { project, image: await ensureStandin(), "container-env": env } });
  expect(main.code).toBe(0);
  expect(main.outputs.instance).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
  expect(main.outputs.instance).toMatch(/-[0-9a-f]{8}$/);
  expect(main.outputs.project).toBe(project);
  const refused = await host.job().main({ inputs: { project, "preferred-port": main.outputs.port as string } });
  const post = await job.post(main.state);
  for (const step of [main, refused, post]) {
    expect(commandsIn(step).filter((line) => !OWN_COMMANDS.test(line))).toEqual([]);
    expect(step.stdout).not.toContain("\u001b");
  }
  expect(commandsIn(refused).join()).toContain("PORT_CONFLICT");
  expect(post.summary).not.toMatch(/<script>|`id`/);
  expect(post.summary).toContain("&#60;script&#62;");
  expect(existsSync(join(job.workspace, "owned"))).toBe(false);
});

test("what a container prints cannot end its group, or begin a command", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const image = await ensureStandin();
  const tag = `iris-ports/hostile:${host.ports[0]}`;
  const id = await docker(
    "create",
    "--entrypoint",
    "/bin/sh",
    image,
    "-c",
    "printf '::endgroup::\\n  ::add-mask::a\\n##[error]x\\n\\033[2J\\n'; exit 3",
  );
  await docker(
    "commit",
    "--change",
    'CMD ["-c", "printf \'::endgroup::\\n  ::add-mask::a\\n##[error]x\\n\'; exit 3"]',
    id,
    tag,
  );
  try {
    const main = await job.main({ inputs: { image: tag } });
    expect(main.code).toBe(1);
    expect(main.stdout).toMatch(/^\| (?!::)\S+:endgroup::$/m);
    expect(main.stdout).toMatch(/has exited with code 3/);
    expect(commandsIn(main).filter((line) => !OWN_COMMANDS.test(line))).toEqual([]);
    expect(main.stdout.match(/^::endgroup::$/gm)).toHaveLength(1);
  } finally {
    await docker("rm", "--force", id);
    await docker("rmi", "--force", tag);
  }
});
