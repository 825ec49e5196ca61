import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { runCommand } from "../../scripts/run-command.ts";
import type { PortAssignment } from "../../src/registry/assignment.ts";
import { BIN, CliSandbox, resultOf, said } from "../helpers/cli.ts";

const EXAMPLES = fileURLToPath(new URL("../../examples/ci/", import.meta.url));
const read = (name: string) => fs.readFileSync(join(EXAMPLES, name), "utf8");

/** Each system's command, taken out of its file as that system would. */
const COMMANDS: Readonly<Record<string, () => string>> = {
  GitLab: () => parse(read(".gitlab-ci.yml")).test.script.join("\n"),
  Jenkins: () => /sh '(.*)'/.exec(read("Jenkinsfile"))?.[1] ?? "",
  "Azure Pipelines": () => parse(read("azure-pipelines.yml")).steps[0].script,
  Buildkite: () => parse(read("pipeline.buildkite.yml")).steps[0].command,
};

/** Runs a shell command in a project with `npx` that finds this package, as on an agent that has it installed. */
async function onAgent(sandbox: CliSandbox, command: string) {
  const bin = sandbox.project("bin");
  fs.writeFileSync(join(bin, "npx"), `#!/bin/sh\nshift\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  const tests = '#!/bin/sh\necho "tests on $IRIS_PORT"\nexit 3\n';
  fs.writeFileSync(join(sandbox.project("shop"), "run-tests.sh"), tests, { mode: 0o755 });
  return runCommand("sh", ["-c", `cd '${sandbox.project("shop")}' && ${command}`], {
    env: {
      PATH: `${bin}:${process.env["PATH"]}`,
      HOME: sandbox.directory,
      IRIS_PORT_REGISTRY: sandbox.registryPath,
      IRIS_PORT_RANGE: `${sandbox.firstPort}-${sandbox.firstPort + 9}`,
    },
  });
}

it.each(Object.keys(COMMANDS))(
  "the example for %s runs the tests with a port, ends as they do, and leaves none",
  async (system) => {
    using sandbox = await CliSandbox.create();
    expect(await onAgent(sandbox, COMMANDS[system]?.() ?? "")).toEqual({
      exitCode: 3,
      stdout: `tests on ${sandbox.firstPort}\n`,
      stderr: "",
    });
    expect(await sandbox.json("list")).toEqual([]);
  },
);

it("the job hook removes what a dead job left, and leaves a live job alone", async () => {
  using sandbox = await CliSandbox.create();
  const forever = ["--", process.execPath, "-e", "console.log(process.pid); setInterval(() => {}, 1e6)"];
  const start = async (project: string) => {
    const child = sandbox.start(["run", "--project", project, ...forever]);
    const [pid] = await said(child, /\d+/);
    return { child, ended: resultOf(child), pid: Number(pid) };
  };
  const [dead, alive] = [await start("a"), await start("b")];
  dead.child.kill("SIGKILL");
  process.kill(dead.pid);
  await dead.ended;
  const { exitCode, stderr } = await onAgent(sandbox, `'${EXAMPLES}job-hook.sh'`);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(((await sandbox.json("list")) as PortAssignment[]).map(({ projectPath }) => projectPath)).toEqual([
    join(sandbox.directory, "b"),
  ]);
  alive.child.kill("SIGTERM");
  await alive.ended;
});

it("the example for Turborepo names the variables that tasks need", () => {
  const { env, passThroughEnv } = JSON.parse(read("turbo.json")).tasks.test;
  expect(env).toContain("IRIS_*");
  expect(passThroughEnv).toEqual(expect.arrayContaining(["IRIS_PORT_REGISTRY", "DOCKER_HOST"]));
});
