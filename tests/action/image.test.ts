import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { runCommand } from "../../scripts/run-command.ts";
import { LABEL_FINGERPRINT, LABEL_PROJECT } from "../../src/registry/labels.ts";
import { askIdentity, docker } from "../helpers/engine.ts";
import { FakeHost, type StepResult } from "../helpers/fake-runner.ts";

const LIBRARY_TEST = fileURLToPath(new URL("../fixtures/action/library-test.ts", import.meta.url));
const SECRET = "p@ss word/ü";

async function exists(name: string): Promise<boolean> {
  return (await runCommand("docker", ["inspect", name])).exitCode === 0;
}

/** A step that uses the library, with what the action told the job. */
async function runLibrary({ env }: StepResult, ...args: string[]) {
  const { stdout, stderr } = await runCommand(process.execPath, [LIBRARY_TEST, ...args], {
    env: { ...env, NODE_OPTIONS: "--disable-warning=ExperimentalWarning" },
  });
  return { stderr, ...(stdout === "" ? {} : (JSON.parse(stdout) as { port: number; id: string })) };
}

test("A5: IRIS runs on the job's port, with the requested user and namespace, and is removed with the job", async () => {
  const host = await FakeHost.create();
  const job = host.job({ matrix: { suite: "sql" } });
  const inputs = {
    image: await ensureStandin(),
    username: "tester",
    password: SECRET,
    namespace: "shop",
    "container-env": "IRIS_STANDIN_IDENTITY=of-the-job",
  };
  const main = await job.main({ inputs });
  expect(main).toMatchObject({ code: 0, stderr: "" });
  const port = Number(main.outputs.port);
  const name = main.outputs["container-name"] as string;
  expect(main.env).toMatchObject({
    IRIS_HOST: "127.0.0.1",
    IRIS_PORT: String(port),
    IRIS_NAMESPACE: "SHOP",
    IRIS_USERNAME: "tester",
    IRIS_PASSWORD: SECRET,
    IRIS_CONTAINER_NAME: name,
    IRIS_CONNECTION_URI: `iris://tester:p%40ss%20word%2F%C3%BC@127.0.0.1:${port}/SHOP`,
  });
  expect(main.outputs["connection-uri"]).toBe(main.env.IRIS_CONNECTION_URI);
  expect(await askIdentity("127.0.0.1", port)).toMatch(/ of-the-job$/);
  expect(await docker("exec", name, "cat", "/var/lib/standin/users")).toMatch(new RegExp(`^tester\t${SECRET}\t`, "m"));
  expect(await docker("exec", name, "cat", "/var/lib/standin/namespaces")).toMatch(/^SHOP$/m);
  expect(await docker("port", name)).toBe(`1972/tcp -> 127.0.0.1:${port}`);
  const labels = JSON.parse(await docker("inspect", "--format", "{{json .Config.Labels}}", name));
  expect(labels).toMatchObject({
    [LABEL_PROJECT]: job.workspace,
    "io.iris-ports.port": String(port),
    "io.iris-ports.instance": "sql",
    "io.iris-ports.registry": host.registryPath,
    "io.iris-ports.lifetime": "holders",
  });

  const groups = main.stdout.match(/^::group::Log of .*?^::endgroup::/ms)?.[0];
  expect(groups).toMatch(/^\| \[INFO\] \.\.\.started InterSystems IRIS instance IRIS$/m);

  const post = await job.post(main.state);
  expect(post.stdout).toContain(`Removed container ${name}.`);
  expect(post.summary).toMatch(/<td>\d+\.\d s<\/td>/);
  expect(await exists(name)).toBe(false);
  expect(host.assignments).toEqual([]);
});

test("the password is masked, and is in no command, label, registry or log", async () => {
  const host = await FakeHost.create();
  const job = host.job();
  const inputs = { image: await ensureStandin(), password: SECRET, "container-env": "API_TOKEN=of-the-container" };
  const main = await job.main({ inputs });
  expect(main.env).toMatchObject({ IRIS_USERNAME: "_SYSTEM", IRIS_PASSWORD: SECRET });
  const [plain, encoded] = main.stdout.match(/^::add-mask::.*$/gm) ?? [];
  expect([plain, encoded]).toEqual([
    `::add-mask::${SECRET}`,
    `::add-mask::${encodeURIComponent(SECRET).replaceAll("%", "%25")}`,
  ]);
  const rest = main.stdout.replaceAll(/^::add-mask::.*$/gm, "") + main.stderr + JSON.stringify(main.state);
  const inspected = await docker("inspect", main.outputs["container-name"] as string);
  const post = await job.post(main.state);
  for (const text of [rest, inspected, JSON.stringify(host.document), post.stdout, post.summary]) {
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(encodeURIComponent(SECRET));
  }
  expect(main.stdout).toContain("--env API_TOKEN");
  // With its digest a reader of a public log could try passwords out.
  expect(inspected).toContain(LABEL_FINGERPRINT);
  expect(rest).not.toContain(LABEL_FINGERPRINT);
  expect(rest).not.toContain("of-the-container");
});

test("the web server has its port if it is requested", async () => {
  const host = await FakeHost.create();
  // The registry's web ports lie 50801 above, so the port must be low.
  const job = host.job();
  const inputs = { image: await ensureStandin(), "web-port": "true", "port-range": "9100-9999" };
  const main = await job.main({ inputs });
  expect(main.code).toBe(0);
  expect(Number(main.outputs["web-port"])).toBe(Number(main.outputs.port) + 50_801);
  expect(main.env.IRIS_WEB_PORT).toBe(main.outputs["web-port"]);
  const page = await fetch(`http://127.0.0.1:${main.outputs["web-port"]}/`);
  expect(await page.text()).toContain("iris-standin");
  await job.post(main.state);
});

describe("a test of the library in the job", () => {
  test("joins the container that the action started, and leaves it running", async () => {
    const host = await FakeHost.create();
    const job = host.job({ matrix: { suite: "api" } });
    const main = await job.main({ inputs: { image: await ensureStandin() } });
    const name = main.outputs["container-name"] as string;
    const id = await docker("inspect", "--format", "{{.Id}}", name);
    expect(await runLibrary(main)).toMatchObject({ port: Number(main.outputs.port), id });
    expect(await docker("inspect", "--format", "{{.State.Running}}", name)).toBe("true");
    await job.post(main.state);
    expect(await exists(name)).toBe(false);
  });

  test("joins with the job's login, and is refused with another", async () => {
    const host = await FakeHost.create();
    const job = host.job();
    const main = await job.main({ inputs: { image: await ensureStandin(), username: "tester", password: SECRET } });
    expect(await runLibrary(main, "--login")).toMatchObject({ port: Number(main.outputs.port) });
    const other = { ...main, env: { ...main.env, IRIS_PASSWORD: "other" } };
    expect((await runLibrary(other, "--login")).stderr).toContain("ContainerMismatchError");
    await job.post(main.state);
  });

  test("uses the port of a job that has only a port, and removes only the container", async () => {
    const host = await FakeHost.create();
    const job = host.job();
    const main = await job.main();
    const result = await runLibrary({ ...main, env: { ...main.env, IRIS_IMAGE: await ensureStandin() } }, "--image");
    expect(result).toMatchObject({ port: Number(main.outputs.port) });
    expect(host.assignments).toMatchObject([{ project_path: job.workspace, port: Number(main.outputs.port) }]);
    expect(await exists(main.outputs["container-name"] as string)).toBe(false);
    await job.post(main.state);
    expect(host.assignments).toEqual([]);
  });
});
