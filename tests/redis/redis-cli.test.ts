import { expect, test } from "vitest";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";
import { RedisServer } from "../helpers/redis-server.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** The command line on a pool of the server, without an engine. */
async function cli(server: RedisServer, pool: string, range: readonly number[], ...args: readonly string[]) {
  const env = {
    IRIS_PORT_REGISTRY: server.url(`name=${pool}`, "default:secret@"),
    IRIS_PORT_RANGE: range.join("-"),
    DOCKER_HOST: "unix:///nowhere/docker.sock",
  };
  const program = new Program(process.execPath, ["src/cli/bin.ts", ...args], { env });
  const lines = await program.output();
  return lines.join("\n");
}

test("the command line assigns, lists, runs and releases on a Redis server, and never shows its password", async () => {
  const server = await RedisServer.start();
  const range = await freePorts(4);
  const [shop, mill] = [temporaryDirectory(), temporaryDirectory()];
  expect(await cli(server, "a", range, "assign", "-q", shop)).toBe(String(range[0]));
  expect(await cli(server, "b", range, "assign", "-q", mill)).toBe(String(range[0]));
  const print = ["-e", "console.log(process.env.IRIS_PORT, process.env.IRIS_PORT_REGISTRY)"];
  const ran = await cli(server, "a", range, "run", "--project", mill, "--", process.execPath, ...print);
  expect(ran).toBe(`${range[0] + 1} ${server.url("name=a", "default:secret@")}`);
  const all = JSON.parse(await cli(server, "a", range, "list", "--all", "--json"));
  expect(all).toMatchObject([
    { pool: "a", assignments: [{ projectPath: shop, port: range[0] }] },
    { pool: "b", assignments: [{ projectPath: mill, port: range[0] }] },
  ]);
  const doctor = await cli(server, "a", range, "doctor");
  expect(doctor).toContain(`redis://127.0.0.1:${server.port}/0?name=a: 1 assignment`);
  expect(doctor).not.toContain("secret");
  expect(await cli(server, "a", range, "release", shop)).toContain(`Released port ${range[0]}`);
});
