import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import { sqlTask } from "../../src/iris/session/sql.ts";
import { SESSION_COMMAND } from "../../src/iris/session-scripts.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost, type FakeJob, type StepResult } from "../helpers/fake-runner.ts";

const KEY = "[ConfigFile]\nFileType=InterSystems License\nLicenseKey=0123456789ABCDEF0123456789\n";
const MERGE = "[config]\nglobals=0,0,256,0,0,0\n";
const CLASS = 'Class Shop.Order\n{\n\nClassMethod Hello()\n{\n  write "hello from the class"\n}\n\n}\n';

function write(job: FakeJob, path: string, content: string): void {
  mkdirSync(join(job.workspace, path, ".."), { recursive: true });
  writeFileSync(join(job.workspace, path), content);
}

async function query({ outputs }: StepResult, sql: string): Promise<readonly object[]> {
  const task = sqlTask(sql, [], { namespace: outputs.namespace ?? "" });
  const exec = ["exec", "--interactive", outputs["container-name"] as string, ...SESSION_COMMAND];
  return task.read((await runCommand("docker", exec, { input: task.script })).stdout);
}

test.each(["content", "path"])(
  "A11: a licence key and a merge file, given as %s, are there before IRIS starts",
  async (as) => {
    const host = await FakeHost.create();
    const job = host.job();
    // As an editor of Windows writes it.
    const key = as === "path" ? KEY.replaceAll("\n", "\r\n") : KEY;
    write(job, "ci/iris.key", key);
    write(job, "ci/merge.cpf", MERGE);
    const given =
      as === "path" ? { key: "ci/iris.key", merge: join(job.workspace, "ci/merge.cpf") } : { key: KEY, merge: MERGE };
    const inputs = { image: await ensureStandin(), "license-key": given.key, "cpf-merge": given.merge };
    const main = await job.main({ inputs });
    expect(main).toMatchObject({ code: 0, stderr: "" });
    const name = main.outputs["container-name"] as string;
    // As the user that IRIS runs as.
    const read = (path: string) => docker("exec", "--user", "51773", name, "cat", path);
    expect(await read("/usr/irissys/mgr/iris.key")).toBe(key.trim());
    expect(await docker("exec", name, "sh", "-c", "echo $ISC_CPF_MERGE_FILE")).toBe("/tmp/iris-ports-merge.cpf");
    expect(await read("/tmp/iris-ports-merge.cpf")).toBe(MERGE.trim());
    expect(main.stdout).toMatch(/^::add-mask::LicenseKey=0123456789ABCDEF0123456789$/m);
    expect(main.stdout.replaceAll(/^::add-mask::.*$/gm, "")).not.toContain("0123456789ABCDEF");
    await job.post(main.state);
  },
);

test("A11: init scripts run in the namespace before the step ends, in their order", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  write(job, "ci/schema/1-table.sql", "CREATE TABLE Shop.Item (id INT, name VARCHAR(20));\n");
  write(job, "ci/schema/2/rows.sql", "INSERT INTO Shop.Item (id, name) VALUES (1, 'pear');\n");
  write(job, "src/Order.cls", CLASS);
  write(job, "ci/hello.script", "do ##class(Shop.Order).Hello()\n");
  const scripts = "ci/schema\nsrc/Order.cls\n\nci/hello.script\n";
  const inputs = { image: await ensureStandin(), namespace: "SHOP", "init-scripts": scripts };
  const main = await job.main({ inputs });
  expect(main).toMatchObject({ code: 0, stderr: "" });
  expect(main.stdout.match(/^\| (Running .*|hello.*)$/gm)).toEqual([
    "| Running ci/schema/1-table.sql",
    "| Running ci/schema/2/rows.sql",
    "| Running src/Order.cls",
    "| Running ci/hello.script",
    "| hello from the class",
  ]);
  const rows = await query(main, "SELECT id, name FROM Shop.Item");
  expect(rows.map((row) => Object.values(row))).toEqual([[1, "pear"]]);
  const left = await docker("exec", main.outputs["container-name"] as string, "ls", "/tmp");
  expect(left).not.toContain("iris-ports-init");
  await job.post(main.state);
});

test("A11: an init script that IRIS refuses fails the step with IRIS's words, the file and the line, and leaves nothing", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  write(job, "ci/seed.sql", "CREATE TABLE Shop.Item (id INT);\nINSERT INTO Shop.Missing (id) VALUES (1);\n");
  const main = await job.main({ inputs: { image: await ensureStandin(), "init-scripts": "ci/seed.sql" } });
  expect(main).toMatchObject({ code: 1, stderr: "" });
  expect(main.stdout).toMatch(
    /^::error title=iris-ports%3A IRIS_SESSION::ci\/seed\.sql: IRIS refused the SQL in line 2 .*SQLCODE -30.*%0ATo fix: correct ci\/seed\.sql/m,
  );
  expect(host.assignments).toEqual([]);
  expect(await docker("ps", "--all", "--quiet", "--filter", `label=io.iris-ports.project=${job.workspace}`)).toBe("");
});

test("A11: further options reach docker, and the log shows them", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const inputs = {
    image: await ensureStandin(),
    "container-options": "--memory 256m\n--cap-add=CAP_IPC_LOCK --hostname 'iris-ci'",
  };
  const main = await job.main({ inputs });
  expect(main).toMatchObject({ code: 0, stderr: "" });
  const format = "{{.HostConfig.Memory}} {{.HostConfig.CapAdd}} {{.Config.Hostname}}";
  const name = main.outputs["container-name"] as string;
  expect(await docker("inspect", "--format", format, name)).toBe(`${256 * 1024 * 1024} [CAP_IPC_LOCK] iris-ci`);
  expect(main.stdout).toMatch(/^docker create --memory=256m --cap-add=CAP_IPC_LOCK --hostname=iris-ci --name iris_/m);
  await job.post(main.state);
});

test("A11: an option that docker refuses is an annotation with docker's words", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const main = await job.main({ inputs: { image: await ensureStandin(), "container-options": "--memory=lots" } });
  expect(main.code).toBe(1);
  expect(main.stdout).toMatch(
    /^::error title=iris-ports%3A CONTAINER_START::.*invalid argument "lots" for "-m, --memory"/m,
  );
  expect(host.assignments).toEqual([]);
});
