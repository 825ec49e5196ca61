import { spawn } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureEchoStandin } from "../../scripts/build-standin.ts";
import { processHolder, processText } from "../../src/registry/holder.ts";
import { BIN, CliSandbox, resultOf } from "../helpers/cli.ts";
import { docker, removeLabelled, uniqueLabel } from "../helpers/engine.ts";
import { makeReadOnly } from "../helpers/read-only.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

describe("L5: iris-ports doctor", () => {
  let sandbox: CliSandbox;
  const label = uniqueLabel();

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
  });
  afterEach(async () => {
    sandbox[Symbol.dispose]();
    await removeLabelled(label);
  });

  const stable = (text: string) =>
    sandbox
      .stable(text)
      // A GitHub runner may run on the machine of the tests.
      .replace(/^warn +runners .*\n.*\n/gm, "")
      .replace(/Node\.js [\d.]+/, "Node.js <version>")
      .replace(/^(ok +engine +).*$/m, "$1<engine>")
      .replace(/^(ok +python tool +in use.* with ).*$/m, "$1<command>");

  /** A container as the library makes it for a project, published on a port of the sandbox. */
  async function runContainer(project: string, offset: number, more: Record<string, string> = {}): Promise<string> {
    const port = sandbox.firstPort + offset;
    const labels = {
      project: join(sandbox.directory, project),
      port: String(port),
      registry: sandbox.registryPath,
      lifetime: "holders",
      generation: "0123456789ab",
      creator: `maker of ${project}`,
      "creator-process": processText(await processHolder()),
      ...more,
    };
    const args = Object.entries(labels).flatMap(([name, value]) => ["--label", `io.iris-ports.${name}=${value}`]);
    const image = await ensureEchoStandin();
    return docker("run", "--detach", "--label", label, "--publish", `127.0.0.1:${port}:8080`, ...args, image);
  }

  it("reports every check as ok", async () => {
    await sandbox.run(["assign", "shop"]);
    const { exitCode, stdout, stderr } = await sandbox.run(["doctor"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stable(stdout)).toMatchInlineSnapshot(`
      "ok    node         Node.js <version>
      ok    settings     options and environment are usable
      ok    directory    <dir>/registry (0700)
      ok    document     <dir>/registry/port-registry.json: 1 assignment, revision 1, 1 kB (0600)
      ok    lock         free
      ok    commits      revision 1 (0700)
      ok    python tool  not in use with this registry
      ok    engine       <engine>
      ok    assignments  1, none of them stale
      ok    containers   0 of this registry, none left behind
      ok    ports        <port 0>-<port 9>: 1 assigned, 9 free
      "
    `);
  });

  it("reports what is wrong and how to fix it, and exits with 9", async () => {
    fs.mkdirSync(dirname(sandbox.registryPath), { mode: 0o700 });
    fs.writeFileSync(sandbox.registryPath, "{", { mode: 0o600 });
    fs.writeFileSync(`${sandbox.registryPath}.lock`, "");
    const env = { DOCKER_HOST: `unix://${join(sandbox.directory, "none.sock")}`, IRIS_PORT_RANGE: "9-1" };
    const { exitCode, stdout, stderr } = await sandbox.run(["doctor"], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 9, stderr: "" });
    expect(stable(stdout)).toMatchInlineSnapshot(`
      "ok    node         Node.js <version>
      fail  settings     IRIS_PORT_RANGE is not a range of ports: "9-1". Write the lower port first.
                         to fix: write first-last with ports from 1 to 65535, e.g. 1972-1981
      ok    directory    <dir>/registry (0700)
      fail  document     <dir>/registry/port-registry.json cannot be read: it is not JSON (Expected property name or '}' in JSON at position 1 (line 1 column 2))
                         to fix: iris-ports doctor --repair
      fail  lock         <dir>/registry/port-registry.json.lock is not a lock and blocks every change of the registry
                         to fix: iris-ports doctor --repair
      ok    commits      <dir>/registry/port-registry.json.commit is created at the first assignment
      ok    python tool  not in use with this registry
      warn  engine       No container engine answers at unix://<dir>/none.sock. Ports are assigned without it; \`iris-ports up\`, the library and the action's \`image\` need it.
                         to fix: start it, or correct DOCKER_HOST
      "
    `);
    expect(fs.readdirSync(dirname(sandbox.registryPath))).toEqual(["port-registry.json", "port-registry.json.lock"]);
  });

  it("warns if there is no docker command, which only up needs", async () => {
    const { exitCode, stdout } = await sandbox.run(["doctor"], { PATH: dirname(process.execPath) });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^warn {2}docker +The docker command cannot be run\. .*`iris-ports up`/m);
    expect(stdout).toMatch(/^ok +engine /m);
  });

  describe.runIf(process.platform === "linux").each([
    ["/proc/iris-ports/registry.json", /\/proc shows the state of the system/, "ENOENT"],
    ["/proc/iris-ports.json", /\/proc shows the state of the system/, "ENOENT"],
    ["/dev/fd/iris-ports/below/registry.json", /fd shows the state of the system/, "ENOENT"],
    ["/sys/iris-ports/registry.json", /\/sys shows the state of the system/, "E[A-Z]+"],
    ["<frozen>/registry.json", / \S+ \(EROFS\)/, "EROFS"],
    ["<frozen>/below/registry.json", /below cannot be made: .* \S+ \(EROFS\)/, "EROFS"],
    ["<dir>/file/registry.json", /<dir>\/file is not a directory/, "ENOTDIR"],
    ["<dir>/file/below/registry.json", /<dir>\/file\/below is not a directory/, "ENOTDIR"],
    ["/dev/null/registry.json", /\/dev\/null is not a directory/, "ENOTDIR"],
    ["/dev/null", /\/dev\/null cannot be used/, "ENOTREG"],
  ])("tells at once that a registry cannot be %s", (named, found, code) => {
    it("which every command says that wants to write it", async () => {
      const frozen = temporaryDirectory();
      if (named.startsWith("<frozen>")) await makeReadOnly(frozen);
      const registry = named.replace("<dir>", sandbox.directory).replace("<frozen>", frozen);
      const env = { IRIS_PORT_REGISTRY: registry };
      fs.writeFileSync(join(sandbox.directory, "file"), "");
      const startedAt = performance.now();
      const doctor = await sandbox.run(["doctor"], env);
      expect(doctor.exitCode).toBe(9);
      expect(stable(doctor.stdout)).toMatch(found);
      expect(doctor.stdout).not.toMatch(/chmod/);
      for (const command of [
        ["assign", "shop"],
        ["release", "shop"],
        ["run", "--", "true"],
        ["doctor", "--repair", "--yes"],
      ]) {
        const { exitCode, stderr } = await sandbox.run(command, env);
        expect({ command, exitCode, stderr }).toEqual({
          command,
          exitCode: 7,
          stderr: expect.stringMatching(
            new RegExp(`cannot be used \\(${code} at .*\nTo fix: .*IRIS_PORT_REGISTRY`, "s"),
          ),
        });
      }
      // Node's own recursive mkdir would not return.
      expect(performance.now() - startedAt).toBeLessThan(30_000);
    });
  });

  it("prints the same as JSON", async () => {
    const { stdout } = await sandbox.run(["doctor", "--json"], { IRIS_PORT_RANGE: "9-1" });
    expect(JSON.parse(stdout).findings).toContainEqual({
      check: "settings",
      verdict: "fail",
      text: expect.stringContaining("IRIS_PORT_RANGE"),
      remedy: expect.stringContaining("first-last"),
    });
  });

  it("rebuilds a lost document from real containers, keeps the old bytes, and names them", async () => {
    await runContainer("shop", 3);
    await runContainer("billing", 4, { instance: "second", lifetime: "kept" });
    await sandbox.run(["assign", "other"]);
    fs.writeFileSync(sandbox.registryPath, "half a docu");
    expect((await sandbox.run(["doctor"])).exitCode).toBe(9);

    const { exitCode, stdout } = await sandbox.run(["doctor", "--repair", "--yes"]);

    expect(exitCode).toBe(0);
    const kept = /its bytes are kept as (\S+)/.exec(stdout)?.[1];
    expect(fs.readFileSync(kept as string, "utf8")).toBe("half a docu");
    expect(stable(stdout)).toContain("restored port <port 3> of <dir>/shop from its container");
    expect(await sandbox.json("list")).toMatchObject([
      { port: sandbox.firstPort + 3, projectPath: join(sandbox.directory, "shop"), status: "active" },
      { port: sandbox.firstPort + 4, instance: "second", status: "active" },
    ]);
    expect((await sandbox.run(["assign", "--quiet", "shop"])).stdout).toBe(`${sandbox.firstPort + 3}\n`);
  });

  it("loses nothing of a valid document, and removes stale assignments", async () => {
    await sandbox.run(["assign", "shop"]);
    await runContainer("left-behind", 3, { "creator-process": await deadProcess() });
    const { exitCode } = await sandbox.run(["doctor", "--repair", "--yes"]);
    expect(exitCode).toBe(0);
    expect(await sandbox.json("list")).toMatchObject([{ port: sandbox.firstPort }]);
    expect(await docker("ps", "--all", "--quiet", "--filter", `label=${label}`)).toBe("");
    expect((await sandbox.run(["doctor", "--repair", "--yes"])).stdout).toMatch(/^There was nothing to repair\.$/m);
  });

  it("refuses without the engine, unless an empty registry is requested", async () => {
    await sandbox.run(["assign", "shop"]);
    fs.writeFileSync(sandbox.registryPath, "no document");
    const env = { DOCKER_HOST: `unix://${join(sandbox.directory, "none.sock")}` };
    const refused = await sandbox.run(["doctor", "--repair", "--yes"], env);
    expect(refused.exitCode).toBe(8);
    expect(refused.stderr).toMatch(/^To fix: .*--without-engine/m);
    expect(fs.readFileSync(sandbox.registryPath, "utf8")).toBe("no document");
    const { exitCode } = await sandbox.run(["doctor", "--repair", "--yes", "--without-engine"], env);
    expect(exitCode).toBe(0);
    expect(await sandbox.json("list")).toEqual([]);
  });

  it("repairs nothing of a newer schema", async () => {
    await sandbox.run(["assign", "shop"]);
    const text = '{"schema_version":"9.0","assignments":[]}';
    fs.writeFileSync(sandbox.registryPath, text);
    expect((await sandbox.run(["doctor"])).exitCode).toBe(9);
    expect((await sandbox.run(["doctor", "--repair", "--yes"])).exitCode).toBe(7);
    expect(fs.readFileSync(sandbox.registryPath, "utf8")).toBe(text);
  });

  it("asks before it repairs, and changes nothing without a terminal", async () => {
    const { exitCode, stderr } = await sandbox.run(["doctor", "--repair"]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^To fix: .*--yes/m);
  });

  // util-linux' script gives a command a real terminal; other systems' script has other options.
  it.skipIf(process.platform !== "linux").each([
    ["n\r", /Nothing was changed/, "no document"],
    ["y\r", /replaced the unreadable document/, undefined],
  ])("does in a terminal what the answer %j says", async (answer, words, left) => {
    await sandbox.run(["assign", "shop"]);
    fs.writeFileSync(sandbox.registryPath, "no document");
    const child = spawn("script", ["-qec", `exec '${process.execPath}' '${BIN}' doctor --repair`, "/dev/null"], {
      env: { ...process.env, HOME: sandbox.directory, IRIS_PORT_REGISTRY: sandbox.registryPath, NO_COLOR: "1" },
    });
    child.stdout.on("data", (chunk) => {
      if (String(chunk).includes("[y/N]")) child.stdin.write(answer);
    });
    expect((await resultOf(child)).stdout).toMatch(words);
    if (left !== undefined) expect(fs.readFileSync(sandbox.registryPath, "utf8")).toBe(left);
    else expect(await sandbox.json("list")).toEqual([]);
  });
});

/** This process, had it started with the machine. */
async function deadProcess(): Promise<string> {
  const holder = await processHolder();
  return processText({ ...holder, process: { ...holder.process, startTime: "1" } }) as string;
}
