import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freePorts } from "../helpers/free-ports.ts";
import { Program } from "../helpers/processes.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";
import { ALICE, askAs, BOB, CAN_BE_OTHERS, MALLORY, runAs, SHARED_GROUP, type User } from "../helpers/users.ts";

const ALICE_IDS = { uid: ALICE.uid, gid: ALICE.gid };
const modeOf = (path: string) => (fs.statSync(path).mode & 0o7777).toString(8);

/** A directory of this mode and owner, reachable for every user. */
function directoryOf(owner: User | { uid: 0; gid: number }, mode: number): string {
  const outer = temporaryDirectory();
  fs.chmodSync(outer, 0o755);
  const path = join(outer, "registry");
  fs.mkdirSync(path);
  fs.chownSync(path, owner.uid, owner.gid);
  fs.chmodSync(path, mode);
  return path;
}

describe("D6: the files of a new registry", () => {
  it.skipIf(process.platform === "win32")("are this user's alone, whatever the umask", async () => {
    const registry = await TestRegistry.create();
    const registryPath = join(registry.directory, "made", "by", "us", "port-registry.json");
    const umask = process.umask(0);
    try {
      await registry.open({ registryPath }).assignPort(registry.project("shop"));
    } finally {
      process.umask(umask);
    }
    expect(modeOf(join(registryPath, ".."))).toBe("700");
    expect(modeOf(registryPath)).toBe("600");
    expect(modeOf(`${registryPath}.commit`)).toBe("700");
  });
});

// Only root can run a process as another user.
describe.skipIf(!CAN_BE_OTHERS)("D6: between users of one host", () => {
  it("a private registry cannot be read or changed by other users", async () => {
    const range = await freePorts(5);
    const directory = directoryOf(ALICE, 0o700);
    const path = join(directory, "port-registry.json");
    expect(await askAs(ALICE, path, range, "assign", "/projects/shop")).toMatchObject({ port: range[0] });
    for (const operation of ["assign", "list", "release"])
      expect(await askAs(MALLORY, path, range, operation, "/projects/shop")).toMatchObject({ code: "REGISTRY_ACCESS" });
    expect(await askAs(ALICE, path, range, "list")).toHaveLength(1);
  });

  it("a registry that others may only read is not changed by them, and the error comes at once", async () => {
    const range = await freePorts(5);
    const path = join(directoryOf(ALICE, 0o755), "port-registry.json");
    await askAs(ALICE, path, range, "assign", "/projects/shop");
    fs.chmodSync(path, 0o644);
    expect(await askAs(MALLORY, path, range, "list")).toHaveLength(1);
    const answer = await askAs(MALLORY, path, range, "release", "/projects/shop");
    expect(answer).toMatchObject({ code: "REGISTRY_ACCESS", remedy: expect.stringContaining("IRIS_PORT_REGISTRY") });
    expect(await askAs(ALICE, path, range, "list")).toHaveLength(1);
  });

  it("a group-shared registry serves every member, and stays group-shared", async () => {
    const range = await freePorts(5);
    const directory = directoryOf({ uid: 0, gid: SHARED_GROUP }, 0o2770);
    const path = join(directory, "port-registry.json");
    expect(await askAs(ALICE, path, range, "assign", "/projects/a")).toMatchObject({ port: range[0] });
    expect(await askAs(BOB, path, range, "assign", "/projects/b")).toMatchObject({ port: range[0] + 1 });
    expect(await askAs(BOB, path, range, "release", "/projects/a")).toMatchObject({ status: "released" });
    expect(await askAs(ALICE, path, range, "release", "/projects/b")).toMatchObject({ status: "released" });
    expect(modeOf(directory)).toBe("2770");
    expect(modeOf(path)).toBe("660");
    expect(modeOf(`${path}.commit`)).toBe("2770");
    for (const name of fs.readdirSync(directory)) expect(fs.statSync(join(directory, name)).gid).toBe(SHARED_GROUP);
    expect(await askAs(MALLORY, path, range, "list")).toMatchObject({ code: "REGISTRY_ACCESS" });
  });

  it("a directory that only its mode shares serves every member as well", async () => {
    const range = await freePorts(5);
    const directory = directoryOf({ uid: 0, gid: SHARED_GROUP }, 0o770);
    const path = join(directory, "port-registry.json");
    expect(await askAs(ALICE, path, range, "assign", "/projects/a")).toMatchObject({ port: range[0] });
    expect(await askAs(BOB, path, range, "assign", "/projects/b")).toMatchObject({ port: range[0] + 1 });
    expect(await askAs(ALICE, path, range, "release", "/projects/b")).toMatchObject({ status: "released" });
  });

  it("a member takes the Python tool's lock even if another made it, and reports if that is not possible", async () => {
    const range = await freePorts(5);
    const directory = directoryOf({ uid: 0, gid: SHARED_GROUP }, 0o2770);
    const [path, lock] = [join(directory, "port-registry.json"), join(directory, "port-registry.lock")];
    await runAs(ALICE, "sh", "-c", `umask 022; > '${lock}'`).output();
    const python = new Program("flock", [lock, "sh", "-c", "echo held; exec sleep 600"]);
    expect(await python.nextLine()).toBe("held");
    expect(await askAs(BOB, path, range, "assign", "/projects/b")).toMatchObject({ code: "PORT_ASSIGNMENT_TIMEOUT" });
    fs.chmodSync(lock, 0o600);
    const refused = await askAs(BOB, path, range, "assign", "/projects/b");
    expect(refused).toMatchObject({ code: "REGISTRY_ACCESS", remedy: expect.stringContaining("chmod g+rw") });
  });

  it("a directory that root makes in a user's home belongs to that user", async () => {
    const range = await freePorts(5);
    const home = directoryOf(ALICE, 0o700);
    const path = join(home, ".iris-devtester", "deeper", "port-registry.json");
    await askAs({ uid: 0, gid: 0 }, path, range, "assign", "/projects/r");
    expect(await askAs(ALICE, path, range, "assign", "/projects/a")).toMatchObject({ port: range[0] + 1 });
    for (const made of [path, join(path, ".."), join(path, "..", "..")])
      expect(fs.statSync(made)).toMatchObject(ALICE_IDS);
  });

  it("members of a group get distinct ports at once", async () => {
    const range = await freePorts(20);
    const path = join(directoryOf({ uid: 0, gid: SHARED_GROUP }, 0o2770), "port-registry.json");
    const users = Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? ALICE : BOB));
    const answers = await Promise.all(
      users.map((user, index) => askAs(user, path, range, "assign", `/p/${index}`, "60000")),
    );
    const ports = answers.map(({ port, message }) => port ?? message);
    expect([...new Set(ports)]).toEqual(ports);
    for (const port of ports) expect(port).toBeTypeOf("number");
  });

  it("a lock that a member left behind is taken over by another", async () => {
    const range = await freePorts(5);
    const path = join(directoryOf({ uid: 0, gid: SHARED_GROUP }, 0o2770), "port-registry.json");
    await runAs(ALICE, "mkdir", `${path}.lock`).output();
    fs.utimesSync(`${path}.lock`, 0, 0);
    expect(await askAs(BOB, path, range, "assign", "/projects/b")).toMatchObject({ port: range[0] });
  });

  it("root keeps a registry its owner's: the document, the copy of a corrupt one, the commit directory", async () => {
    const range = await freePorts(5);
    const directory = directoryOf(ALICE, 0o700);
    const path = join(directory, "port-registry.json");
    const root: User = { uid: 0, gid: 0 };
    await askAs(root, path, range, "assign", "/projects/r");
    expect(await askAs(ALICE, path, range, "assign", "/projects/a")).toMatchObject({ port: range[0] + 1 });
    await askAs(root, path, range, "release", "/projects/r");
    expect(await askAs(ALICE, path, range, "release", "/projects/a")).toMatchObject({ status: "released" });
    fs.writeFileSync(path, "not a document");
    expect(await askAs(root, path, range, "assign", "/projects/r")).toMatchObject({ code: "REGISTRY_CORRUPT" });
    const owners = fs.readdirSync(directory).map((name) => `${name} ${fs.statSync(join(directory, name)).uid}`);
    for (const owner of owners) expect(owner).toMatch(/ 65001$/);
    expect(owners).toHaveLength(3);
  });

  describe("in a directory where every user may add files, such as /tmp,", () => {
    it.each<[string, (path: string) => string[]]>([
      ["a document", (path) => ["sh", "-c", `echo '{"schema_version":"1.0","assignments":[]}' > '${path}'`]],
      ["a document that other users may not read", (path) => ["sh", "-c", `umask 077; echo '{' > '${path}'`]],
      ["a commit directory", (path) => ["mkdir", `${path}.commit`]],
      [
        "a commit directory with a head",
        (path) => ["sh", "-c", `mkdir '${path}.commit'; > '${path}.commit/head.1.ab'`],
      ],
      ["a lock", (path) => ["sh", "-c", `mkdir '${path}.lock'; touch -d yesterday '${path}.lock'`]],
      ["a lock that is a file", (path) => ["touch", `${path}.lock`]],
      ["a link as a lock", (path) => ["ln", "-s", "/etc", `${path}.lock`]],
      ["a link as the document", (path) => ["ln", "-s", "/etc/hostname", path]],
      ["a link as the commit directory", (path) => ["ln", "-s", "/tmp", `${path}.commit`]],
    ])("%s that another user planted only causes an error that names it", async (_, plant) => {
      const range = await freePorts(5);
      const path = join(directoryOf({ uid: 0, gid: 0 }, 0o1777), "port-registry.json");
      const [command = "", ...args] = plant(path);
      await runAs(MALLORY, command, ...args).output();
      const { code, message, remedy } = await askAs(ALICE, path, range, "assign", "/projects/shop");
      expect(["REGISTRY_ACCESS", "PORT_ASSIGNMENT_TIMEOUT"]).toContain(code);
      expect(message).toContain(path);
      expect(remedy).toMatch(/IRIS_PORT_REGISTRY|rmdir|move/);
      // Where the planted links lead.
      expect(
        fs.readdirSync("/etc").filter((name) => /^(head|data|copy)\.|^lock-owner|port-registry/.test(name)),
      ).toEqual([]);
    });
  });
});
