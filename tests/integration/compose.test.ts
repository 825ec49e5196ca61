import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { ensureStandin } from "../../scripts/build-standin.ts";
import { BIN, CliSandbox } from "../helpers/cli.ts";
import { askIdentity, docker, eventually } from "../helpers/engine.ts";
import { webPortRange } from "../helpers/web-ports.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/compose/docker-compose.yml", import.meta.url));

/** A checkout in which the recipe of docs/compose-and-editors.md is followed. */
class Checkout implements Disposable {
  readonly directory: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(directory: string, env: NodeJS.ProcessEnv) {
    this.directory = directory;
    this.#env = env;
  }

  [Symbol.dispose](): void {
    this.compose("down", "--volumes");
  }

  compose(...args: string[]): string {
    return this.#run("docker-compose", "--no-ansi", ...args);
  }

  writeEnv(): string {
    return this.#run(process.execPath, BIN, "env", "--write", ".env");
  }

  variable(name: string): number {
    const text = fs.readFileSync(join(this.directory, ".env"), "utf8");
    return Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(text)?.[1]);
  }

  /** The checkout's container, which must be what answers on its port, and what the web port leads to. */
  async container(): Promise<string> {
    const id = this.compose("ps", "--quiet");
    const port = this.variable("IRIS_PORT");
    const answer = await eventually(() => askIdentity("127.0.0.1", port).catch(() => undefined));
    expect(id.startsWith(answer.split(" ")[1] ?? "?")).toBe(true);
    expect(await docker("port", id, "52773/tcp")).toBe(`127.0.0.1:${this.variable("IRIS_WEB_PORT")}`);
    return id;
  }

  #run(command: string, ...args: string[]): string {
    const options = { cwd: this.directory, env: { ...process.env, ...this.#env }, encoding: "utf8" } as const;
    return execFileSync(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }).trim();
  }
}

it("L8: docker compose keeps the ports of two worktrees of one repository through down and up", async () => {
  using sandbox = await CliSandbox.create();
  const range = await webPortRange(10);
  const image = await ensureStandin();
  const env = {
    HOME: sandbox.directory,
    IRIS_PORT_REGISTRY: sandbox.registryPath,
    IRIS_PORT_RANGE: range.join("-"),
    IRIS_IMAGE: image,
  };
  const [main, review] = worktrees(sandbox.directory);
  using first = new Checkout(main, env);
  using second = new Checkout(review, env);
  const checkouts = [first, second];
  for (const checkout of checkouts) {
    checkout.writeEnv();
    checkout.compose("up", "--detach");
  }
  const portsOf = () =>
    checkouts.map((checkout) => [checkout.variable("IRIS_PORT"), checkout.variable("IRIS_WEB_PORT")]);
  const ports = portsOf();
  expect(new Set(ports.flat()).size).toBe(4);

  const containers = () => Promise.all(checkouts.map((checkout) => checkout.container()));
  const before = await containers();

  // While they run: nothing changes, and nothing is made anew.
  for (const checkout of checkouts) {
    expect(checkout.writeEnv()).toMatch(/is up to date/);
    checkout.compose("up", "--detach");
  }
  expect(await containers()).toEqual(before);

  for (const checkout of checkouts) checkout.compose("down");
  // A cleaning in between takes no port away: it is held until it is released.
  await sandbox.run(["clean"]);
  for (const checkout of checkouts.toReversed()) {
    expect(checkout.writeEnv()).toMatch(/is up to date/);
    checkout.compose("up", "--detach");
  }
  expect(portsOf()).toEqual(ports);
  await containers();
});

/** A repository with the example in it, and a second worktree of the same name elsewhere. */
function worktrees(directory: string): readonly [string, string] {
  const first = join(directory, "shop");
  const second = join(directory, "review", "shop");
  fs.copyFileSync(EXAMPLE, join(first, "docker-compose.yml"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@example.org", ...args], {
      cwd: first,
      stdio: "pipe",
    });
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "A shop");
  git("worktree", "add", "--quiet", second);
  return [first, second];
}
