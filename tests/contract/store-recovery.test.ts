import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { RegistryAccessError, RegistrySchemaError } from "../../src/errors/errors.ts";
import type { RegistryDocument } from "../../src/stores/document.ts";
import { FileStore } from "../../src/stores/file-store.ts";
import { inspectFiles } from "../../src/stores/registry-files.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const AB = "ab".repeat(8);

/** A store of the test's own, whose documents count how often they were changed. */
class Counter {
  readonly directory = temporaryDirectory();
  readonly path = join(this.directory, "port-registry.json");
  readonly chain = `${this.path}.commit`;

  open(isDurable = false): FileStore {
    return new FileStore({ path: this.path, lockTimeoutMs: 5_000, isDurable });
  }

  async increase(during: () => void = () => {}, store = this.open()): Promise<void> {
    await store.update(async (document) => {
      during();
      return { document: counted(document, countOf(document) + 1), result: undefined };
    });
  }

  async count(): Promise<number> {
    return countOf(await this.open().read());
  }

  /** As another program begins a document. */
  writeForeign(): void {
    fs.writeFileSync(this.path, JSON.stringify({ schema_version: "1.0", assignments: [] }));
  }

  names(kind: "head" | "data"): string[] {
    return fs.readdirSync(this.chain).filter((name) => name.startsWith(kind));
  }

  token(): { revision: number; commit: string } {
    return JSON.parse(fs.readFileSync(this.path, "utf8")).iris_ports;
  }
}

function countOf(document: RegistryDocument): number {
  return Number(document.unknown.own.get("count") ?? 0);
}

function counted(document: RegistryDocument, count: number): RegistryDocument {
  const own = new Map(document.unknown.own).set("count", count);
  return { ...document, unknown: { ...document.unknown, own } };
}

describe("D4: the document goes on", () => {
  test("after its commit directory was removed", async () => {
    const counter = new Counter();
    await counter.increase();
    fs.rmSync(counter.chain, { recursive: true });
    await counter.increase();
    expect(await counter.count()).toBe(2);
    expect(counter.names("head")).toEqual([`head.${counter.token().revision}.${counter.token().commit}`]);
  });

  test("after its commit directory was removed while a change was made", async () => {
    const counter = new Counter();
    await counter.increase();
    let times = 0;
    await counter.increase(() => {
      if (times++ === 0) fs.rmSync(counter.chain, { recursive: true });
    });
    expect(times).toBe(2);
    expect(await counter.count()).toBe(2);
  });

  test("after its commit directory lost the head, and files left in it are not published", async () => {
    const counter = new Counter();
    await counter.increase();
    for (const name of counter.names("head")) fs.rmSync(join(counter.chain, name));
    fs.writeFileSync(join(counter.chain, `data.9.${AB}`), "never claimed");
    await counter.increase();
    expect(await counter.count()).toBe(2);
    expect(counter.names("data")).toEqual([]);
  });

  test("after a backup brought a second head: the newest counts", async () => {
    const counter = new Counter();
    await counter.increase();
    fs.writeFileSync(join(counter.chain, `head.0.${AB}`), "");
    counter.writeForeign();
    await counter.increase();
    expect(counter.names("head")).toHaveLength(1);
    expect(counter.token().revision).toBe(2);
  });

  test("after an older version of it was restored, and never backwards", async () => {
    const counter = new Counter();
    await counter.increase();
    const backup = fs.readFileSync(counter.path);
    await counter.increase();
    await counter.increase();
    fs.writeFileSync(counter.path, backup);
    expect(await counter.count()).toBe(1);
    await counter.increase();
    expect(await counter.count()).toBe(2);
    expect(counter.token().revision).toBe(4);
  });

  test("after it was removed", async () => {
    const counter = new Counter();
    await counter.increase();
    fs.rmSync(counter.path);
    expect(await counter.count()).toBe(0);
    await counter.increase();
    expect(counter.token().revision).toBe(2);
  });

  test("when another program changed it during a change, without losing anything of either", async () => {
    const counter = new Counter();
    await counter.increase();
    const other = counter.open();
    let times = 0;
    await counter.open().update(async (document) => {
      // As if the lock had been lost: the other does not wait for it.
      if (times++ === 0) {
        fs.rmSync(`${counter.path}.lock`, { recursive: true });
        await Promise.resolve();
        await commitBeside(counter, other);
      }
      return { document: counted(document, countOf(document) + 1), result: undefined };
    });
    expect(times).toBe(2);
    expect(await counter.count()).toBe(3);
  });

  test("when it becomes complete a moment after half of it was read", async () => {
    const counter = new Counter();
    await counter.increase();
    const whole = fs.readFileSync(counter.path);
    fs.writeFileSync(counter.path, whole.subarray(0, whole.length / 2));
    const reading = counter.count();
    setImmediate(() => fs.writeFileSync(counter.path, whole));
    expect(await reading).toBe(1);
  });
});

/** A commit past the queue within this process, as another process would make it. */
async function commitBeside(counter: Counter, store: FileStore): Promise<void> {
  const { document } = { document: await store.read() };
  const { revision, commit } = counter.token();
  const next = `${revision + 1}.${"cd".repeat(8)}`;
  const { serializeDocument } = await import("../../src/stores/document.ts");
  const token = { revision: revision + 1, commit: "cd".repeat(8) };
  fs.writeFileSync(
    join(counter.chain, `data.${next}`),
    serializeDocument(counted(document, countOf(document) + 1), token),
  );
  fs.renameSync(join(counter.chain, `head.${revision}.${commit}`), join(counter.chain, `head.${next}`));
  // It is not published here: the next commit does that.
}

describe("the commit directory", () => {
  test("is sometimes cleared of versions that were never published", async () => {
    const counter = new Counter();
    const store = counter.open();
    await counter.increase(undefined, store);
    fs.writeFileSync(join(counter.chain, `data.1.${AB}`), "a loser's");
    for (let turn = 0; turn < 64; turn++) await counter.increase(undefined, store);
    expect(counter.names("data")).toEqual([]);
    expect(await counter.count()).toBe(65);
  });

  test("keeps nothing of a version that could not be written", async () => {
    const counter = new Counter();
    await counter.increase();
    const write = vi.spyOn(fs, "writeSync").mockImplementation(() => {
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    try {
      const refused = counter.increase();
      await expect(refused).rejects.toThrow(RegistryAccessError);
      await expect(refused).rejects.toThrow(/free some space/);
    } finally {
      write.mockRestore();
    }
    expect(counter.names("data")).toEqual([]);
    expect(await counter.count()).toBe(1);
    await counter.increase();
    expect(await counter.count()).toBe(2);
  });
});

describe("the commit directory, with something else under a name of ours,", () => {
  const { revision, commit } = { revision: 1, commit: AB };
  const PLANTED: readonly (readonly [name: string, kind: "directory" | "link"])[] = [
    ["data.HEAD", "directory"],
    ["data.HEAD", "link"],
    ["copy.HEAD", "directory"],
    ["copy.HEAD", "link"],
    [`head.0.${commit}`, "directory"],
    [`head.77.${commit}`, "link"],
    [`data.${revision}.${commit}`, "directory"],
    [`copy.${revision}.${commit}`, "directory"],
  ];

  test.each(PLANTED)("%s as a %s, works on and touches nothing of it", async (name, kind) => {
    const counter = new Counter();
    await counter.increase();
    const { revision, commit } = counter.token();
    const planted = join(counter.chain, name.replace("HEAD", `${revision}.${commit}`));
    fs.rmSync(planted, { force: true });
    if (kind === "link") fs.symlinkSync(counter.directory, planted);
    else fs.mkdirSync(join(planted, "strange"), { recursive: true });
    // Another program's document: the next change finds out what is the newest version.
    counter.writeForeign();
    const store = counter.open();
    for (let turn = 1; turn <= 65; turn++) await counter.increase(undefined, store);
    // Without a copy of the last version, the other program's document is all there is.
    expect(await counter.count()).toBe(name.startsWith("copy.HEAD") ? 65 : 66);
    expect(fs.lstatSync(counter.path).isFile()).toBe(true);
    if (name.startsWith("copy.HEAD")) return;
    const { document, commits } = await inspectFiles(counter.path);
    expect([document.kind, commits.isPending, commits.heads.length]).toEqual(["file", false, 1]);
    expect(commits.foreign).toEqual([planted]);
    expect(await store.clearObstacles()).toEqual([]);
    expect(fs.lstatSync(planted, { throwIfNoEntry: false })).toBeDefined();
  });

  test("and without a head is kept beside its successor", async () => {
    const counter = new Counter();
    await counter.increase();
    for (const name of counter.names("head")) fs.rmSync(join(counter.chain, name));
    fs.mkdirSync(join(counter.chain, "strange"));
    await counter.increase();
    expect(await counter.count()).toBe(2);
    const [aside] = fs.readdirSync(counter.directory).filter((name) => name.includes(".aside-"));
    expect(fs.existsSync(join(counter.directory, String(aside), "strange"))).toBe(true);
  });
});

describe("a last version", () => {
  test("of a newer schema is never replaced, whatever becomes of the document", async () => {
    const counter = new Counter();
    await counter.increase();
    const [copy] = fs.readdirSync(counter.chain).filter((name) => name.startsWith("copy."));
    fs.writeFileSync(join(counter.chain, String(copy)), '{"schema_version": "9.0"}');
    fs.rmSync(counter.path);
    await expect(counter.increase()).rejects.toThrow(RegistrySchemaError);
    await expect(counter.count()).rejects.toThrow(RegistrySchemaError);
    counter.writeForeign();
    await expect(counter.increase()).rejects.toThrow(RegistrySchemaError);
  });

  test("that a power failure has left incomplete does not make another program's document unreadable", async () => {
    const counter = new Counter();
    await counter.increase();
    const [copy] = fs.readdirSync(counter.chain).filter((name) => name.startsWith("copy."));
    fs.truncateSync(join(counter.chain, String(copy)), 20);
    counter.writeForeign();
    await counter.increase();
    expect(await counter.count()).toBe(1);
  });
});

describe("who may read and write", () => {
  test("the document keeps its mode", async () => {
    const counter = new Counter();
    await counter.increase();
    fs.chmodSync(counter.path, 0o640);
    await counter.increase();
    await counter.increase(undefined, counter.open(true));
    expect(fs.statSync(counter.path).mode & 0o777).toBe(0o640);
  });

  test.skipIf(process.getuid?.() !== 0)("it keeps its group (needs root, to give it another)", async () => {
    const counter = new Counter();
    await counter.increase();
    fs.chownSync(counter.path, 0, 12_345);
    await counter.increase();
    expect(fs.statSync(counter.path).gid).toBe(12_345);
  });

  test("a directory that a group shares stays shared, whatever the umask", async () => {
    const counter = new Counter();
    fs.chmodSync(counter.directory, 0o770);
    const before = process.umask(0o077);
    try {
      await counter.increase();
    } finally {
      process.umask(before);
    }
    expect(fs.statSync(counter.path).mode & 0o777).toBe(0o660);
    expect(fs.statSync(counter.chain).mode & 0o777).toBe(0o770);
  });

  test("a failed change leaves lock and document as they were", async () => {
    const counter = new Counter();
    await counter.increase();
    const change = async () => {
      throw new Error("the caller's own");
    };
    await expect(counter.open().update(change)).rejects.toThrow("the caller's own");
    expect(fs.existsSync(`${counter.path}.lock`)).toBe(false);
    expect(await counter.count()).toBe(1);
  });
});
