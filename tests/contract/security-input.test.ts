import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { releaseCommand } from "../../src/registry/allocation/assignment-errors.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

const entry = (projectPath: string, port: number) => ({
  project_path: projectPath,
  port,
  assigned_at: "2026-11-23T05:06:07.123456",
  assignment_type: "auto",
  status: "active",
  container_name: null,
});

describe("a poisoned environment", () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ["IRIS_PORT_REGISTRY", "/tmp/a\nb"],
    ["IRIS_PORT_REGISTRY", "/tmp/\u001b[2Jb"],
    ["IRIS_PORT_REGISTRY", "   "],
    ["IRIS_PORT_RANGE", "1-99999"],
    ["IRIS_PORT_RANGE", "$(id)"],
    ["IRIS_PORT_RANGE", "0x7b4-0x7bd"],
    ["IRIS_PORTS_PROJECT", "relative"],
    ["IRIS_PORTS_PROJECT", "/tmp/x\n::set-output name=port::1"],
  ])("%s=%j is refused before anything is read or written", async (name, value) => {
    const directory = temporaryDirectory();
    vi.stubEnv("IRIS_PORT_REGISTRY", join(directory, "port-registry.json"));
    vi.stubEnv(name, value);
    await expect((async () => new PortRegistry({ engine: false }).assignPort())()).rejects.toThrow(
      InvalidArgumentError,
    );
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it.each(["../../etc", "a b", "$(id)", "a\nb", "-rf", "#"])("IRIS_PORTS_INSTANCE=%j is no name", async (value) => {
    const registry = await TestRegistry.create();
    vi.stubEnv("IRIS_PORTS_PROJECT", registry.project("shop"));
    vi.stubEnv("IRIS_PORTS_INSTANCE", value);
    await expect(registry.open().assignPort()).rejects.toThrow(InvalidArgumentError);
    expect(fs.existsSync(registry.path)).toBe(false);
  });

  it.each(["$(id)", "`id`", "; rm -rf .", "it's", '"', "$HOME", "*", "😀", "-rf", "a#b"])(
    "a project called %j is a name like any other, and never part of a container's",
    async (name) => {
      const registry = await TestRegistry.create();
      const { containerName, projectPath } = await registry.open().assignPort(registry.project(name));
      expect(containerName).toMatch(/^iris_[0-9a-f]{8}_\d+$/);
      expect(projectPath).toBe(join(registry.directory, "projects", name));
    },
  );

  it.skipIf(process.platform === "win32").each(["it's", "$(id)", "`id`", "a b", '"', "\\", "!"])(
    "the command that an error gives for project %j means just that project",
    (name) => {
      const command = releaseCommand(`/p/${name}`, undefined).replace("npx iris-ports release", "printf %s");
      expect(execFileSync("sh", ["-c", command], { encoding: "utf8" })).toBe(`/p/${name}`);
    },
  );
});

describe("a document with malicious content", () => {
  it("cannot reach an object's prototype by its keys", async () => {
    const registry = await TestRegistry.create();
    const [first] = await freePorts(2);
    const own = `{"revision":1,"commit":"ab","holders":{"__proto__":[]},"details":{"__proto__":{"port":${first},"generation":"x"}}}`;
    const text = JSON.stringify({ schema_version: "1.0", assignments: [entry("__proto__", first)] });
    registry.write(`${text.slice(0, -1)},"__proto__":{"polluted":true},"iris_ports":${own}}`);
    await registry.open().assignPort(registry.project("shop"));
    await registry.open().clearAll();
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(fs.readFileSync(registry.path, "utf8")).toContain('"__proto__": {"polluted":true}');
  });

  it("cannot make the registry write outside its directory, whatever its projects are called", async () => {
    const registry = await TestRegistry.create();
    const [first] = registry.range;
    registry.write({ schema_version: "1.0", assignments: [entry("../../../etc/passwd", first)] });
    const before = fs.readdirSync(registry.directory);
    await registry.open().assignPort(registry.project("shop"));
    await registry.open().cleanupStale();
    const made = fs.readdirSync(registry.directory).filter((name) => !before.includes(name));
    expect(made.sort()).toEqual(["port-registry.json.commit", "port-registry.lock", "projects"]);
  });

  it("cannot have a container removed that does not carry this registry's own label", async () => {
    const registry = await TestRegistry.create();
    const [first] = registry.range;
    registry.write({
      schema_version: "1.0",
      assignments: [{ ...entry("/victim", first), container_name: "victims-database" }],
    });
    registry.engine.run({ name: "victims-database" });
    const labels = { "io.iris-ports.project": "/victim", "io.iris-ports.lifetime": "holders" };
    registry.engine.run({ name: "of-another-registry", labels: { ...labels, "io.iris-ports.registry": "/else" } });
    registry.passTime(86_400_000);
    await registry.open().cleanupStale();
    expect(registry.engine.containers.map(({ name }) => name)).toEqual(["victims-database", "of-another-registry"]);
  });
});
