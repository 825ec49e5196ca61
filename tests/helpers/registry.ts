import { execFileSync } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject, onTestFinished } from "vitest";
import { PortRegistry } from "../../src/registry/registry.ts";
import type { PortRegistryOptions } from "../../src/registry/registry-options.ts";
import { FakeEngine } from "./fake-engine.ts";
import { freePorts } from "./free-ports.ts";

/** A directory of the test's own, gone when the test is. */
export function temporaryDirectory(): string {
  const path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "iris-ports-test-")));
  onTestFinished(() => fs.rmSync(path, { recursive: true, force: true }));
  return path;
}

const REDIS_URL = inject("redisUrl");
/** True where the contract's tests run on a Redis server: rules about files do not apply there. */
export const isOnRedis = REDIS_URL !== undefined;

/** A registry of the test's own, its engine, and projects to use it for. */
export class TestRegistry {
  readonly directory = temporaryDirectory();
  /** The document's file; the URL of its pool where the tests run on a Redis server. */
  readonly path = isOnRedis ? `${REDIS_URL}?name=test-${randomUUID()}` : join(this.directory, "port-registry.json");
  readonly engine = new FakeEngine();
  readonly range: readonly [first: number, last: number];
  now = new Date("2026-11-23T05:06:07.123Z");
  #options: PortRegistryOptions;

  constructor(range: readonly [number, number], options: PortRegistryOptions) {
    this.range = range;
    this.#options = options;
  }

  static async create(portCount = 5, options: PortRegistryOptions = {}): Promise<TestRegistry> {
    return new TestRegistry(await freePorts(portCount), options);
  }

  /** Another `PortRegistry` on the same document, as another process would have one. */
  open(options: PortRegistryOptions = {}): PortRegistry {
    return new PortRegistry({
      registryPath: this.path,
      portRange: this.range,
      engine: this.engine,
      isDurable: false,
      clock: () => this.now,
      ...this.#options,
      ...options,
    });
  }

  /** The same, on a machine whose engine cannot be found. */
  openWithoutEngine(): PortRegistry {
    const { engine: _, ...options } = this.#options;
    return new PortRegistry({
      engine: false,
      registryPath: this.path,
      portRange: this.range,
      isDurable: false,
      clock: () => this.now,
      ...options,
    });
  }

  /** A project's directory, which exists. */
  project(name: string): string {
    const path = join(this.directory, "projects", name);
    fs.mkdirSync(path, { recursive: true });
    return path;
  }

  passTime(milliseconds: number): void {
    this.now = new Date(this.now.getTime() + milliseconds);
  }

  /** The document as any program reads it. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it by name.
  json(): any {
    return JSON.parse(isOnRedis ? this.#redis("HGET", "json") : fs.readFileSync(this.path, "utf8"));
  }

  /** Puts the document there as another program would. */
  write(document: unknown): void {
    const text = typeof document === "string" ? document : JSON.stringify(document, null, 2);
    if (isOnRedis) this.#redis("HSET", "json", text, "commit", randomBytes(8).toString("hex"));
    else fs.writeFileSync(this.path, text);
  }

  #redis(command: string, ...words: readonly string[]): string {
    const url = new URL(this.path);
    const key = `iris-ports:{${url.searchParams.get("name")}}:document`;
    return execFileSync("redis-cli", ["-p", url.port, command, key, ...words], { encoding: "utf8" });
  }
}
