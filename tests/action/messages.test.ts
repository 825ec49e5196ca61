import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { ensureEchoStandin, ensureStandin } from "../../scripts/build-standin.ts";
import { docker } from "../helpers/engine.ts";
import { FakeHost, type JobOptions } from "../helpers/fake-runner.ts";

/** The one annotation of a step that failed, line by line. */
async function annotation(
  inputs: Record<string, string>,
  options: JobOptions = {},
  host?: FakeHost,
): Promise<string[]> {
  const main = await (host ?? (await FakeHost.create())).job(options).main({ inputs });
  const annotations = main.stdout.match(/^::(error|warning) .*$/gm) ?? [];
  expect(annotations, main.stdout).toHaveLength(1);
  const [text = ""] = annotations;
  return text.replace(/^.*?::.*?::/, "").split("%0A");
}

test("A11: messages name an input as the workflow does, whatever module checks it", async () => {
  const checked = {
    "port-range": "9-1",
    instance: "a b",
    username: "a b",
    namespace: "a b",
    "registry-path": "reg.json",
  };
  for (const [input, value] of Object.entries(checked)) {
    const [what] = await annotation({ password: "secret", [input]: value });
    expect(what).toContain(`Input \`${input}\``);
    expect(what).not.toMatch(/portRange|registryPath/);
  }
  const [what, , remedy] = await annotation({ "web-port": "true", "port-range": "20000-20010" });
  expect(what).toMatch(/^Input `web-port` gives port 20010 no web port, because 20010 \+ 50801 would be above 65535/);
  expect(remedy).toBe("To fix: use ports up to 14734, or leave `web-port` out");
});

test("A11: inputs that have no effect because the image is empty are a warning", async () => {
  const job = (await FakeHost.create()).job();
  const main = await job.main({ inputs: { image: "", username: "tester", password: "secret", namespace: "SHOP" } });
  expect(main.code).toBe(0);
  expect(main.stdout.match(/^::warning .*$/gm)).toEqual([
    "::warning title=iris-ports::No IRIS is started, because the input `image` is empty; without it, these inputs have " +
      "no effect: `username`, `password`, `namespace`.%0ATo fix: name an image, or leave these inputs out",
  ]);
  await job.post(main.state);
});

test("A11: a requested port that is taken: its holder, and the remedy in the workflow", async () => {
  const host = await FakeHost.create();
  const image = await ensureStandin();
  const name = `stranger-${host.ports[0]}`;
  await docker("run", "--detach", "--rm", "--name", name, "--publish", `127.0.0.1:${host.ports[0]}:1972`, image);
  try {
    const lines = await annotation({ "preferred-port": String(host.ports[0]) }, {}, host);
    expect(lines).toEqual([
      `Port ${host.ports[0]} is in use by container ${name}.`,
      "Nothing was assigned.",
      `To fix: stop and remove that container (docker stop ${name} && docker rm ${name}), or leave out \`preferred-port\``,
    ]);
  } finally {
    await docker("rm", "--force", name);
  }
});

test("A11: a requested port that a job holds: which job, and no advice to release it", async () => {
  const host = await FakeHost.create();
  const inputs = { "preferred-port": String(host.ports[0]) };
  const job = host.job();
  const first = await job.main({ inputs });
  const again = await job.main({ inputs, env: { ...first.env, GITHUB_ACTION: "__org_iris-ports_2" } });
  expect(again.stdout).toMatch(
    /::Port \d+ of \S+ is held by an earlier use of this action in this job: shop\/shop .*%0ATo fix: give each use another `preferred-port`, or leave that input out$/m,
  );
  const other = await host.job({ matrix: { leg: 2 } }).main({ inputs });
  expect(other.stdout).toMatch(
    /::Port \d+ of \S+ is held by another job: shop\/shop CI\/test run 12\.1 on \w+\..*%0ATo fix: leave the input `preferred-port` out, or make it different in every job$/m,
  );
  await job.post(first.state);
});

test("A11: a workspace with an entry of the Python tool: the error says so, and names the input for another port", async () => {
  const host = await FakeHost.create();
  const [first, last] = host.ports;
  const runner = "one";
  const entry = {
    project_path: host.job({ runner }).workspace,
    port: first,
    assigned_at: new Date().toISOString().slice(0, -1),
  };
  const more = { assignment_type: "auto", status: "active", container_name: null };
  mkdirSync(dirname(host.registryPath), { mode: 0o700 });
  writeFileSync(host.registryPath, JSON.stringify({ schema_version: "1.0", assignments: [{ ...entry, ...more }] }));
  const lines = await annotation({ "preferred-port": String(last) }, { runner }, host);
  expect(lines[1]).toContain("made by the Python tool iris-devtester");
  expect(lines[2]).toBe(
    `To fix: use port ${first}, or take a second port with an instance name: the input \`instance\``,
  );
});

test("A11: an image that may not be pulled: no advice to pull it", async () => {
  const lines = await annotation({ image: "iris-ports/no-such-image:1", pull: "never" });
  expect(lines.at(-1)).toBe(
    "To fix: set `pull: missing`, so that it is pulled, or put the image on the engine beforehand (docker load)",
  );
});

test("A11: an engine that does not answer: the source of its address", async () => {
  const lines = await annotation({ image: "iris" }, { env: { DOCKER_HOST: "unix:///nowhere.sock" } });
  expect(lines[1]).toBe("Its address comes from DOCKER_HOST.");
  expect(lines.at(-1)).toBe("To fix: start it, or correct DOCKER_HOST");
});

test("A11: a container that does not become IRIS: the last lines of its log, and no advice about the removed container", async () => {
  const lines = await annotation({ image: await ensureEchoStandin(), "start-timeout": "3s" });
  expect(lines[0]).toMatch(/^There is no IRIS in the image iris-ports\/echo-standin/);
  expect(lines.join()).not.toContain("docker logs");
  const fatal = await annotation({ image: await ensureStandin(), "container-env": "IRIS_STANDIN_DIE=fatal" });
  expect(fatal[0]).toContain('IRIS failed to start: "Error starting InterSystems IRIS"');
  expect(fatal.at(-1)).toBe("To fix: correct what the last lines of its log report");
});

test("A11: a setup that IRIS refuses: IRIS's own words in the first line", async () => {
  const inputs = { image: await ensureStandin(), namespace: "SHOP", "container-env": "IRIS_STANDIN_REFUSE=namespace" };
  const [what] = await annotation(inputs);
  expect(what).toMatch(/^IRIS refused the login or namespace. Creating the namespace: SQLCODE -400: /);
});

test("A11: an expired licence: how to name another image, and the option for hosts with many cores", async () => {
  const lines = await annotation({ image: await ensureStandin(), "container-env": "IRIS_STANDIN_DIE=license" });
  expect(lines[0]).toMatch(/^IRIS refuses its licence: "Invalid Community Edition license/);
  expect(lines.at(-1)).toContain("`container-options: --cpuset-cpus=0-19`");
});
