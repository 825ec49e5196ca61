import fs from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { RegistryAccessError } from "../../src/errors/errors.ts";
import { checkFiles } from "../../src/registry/doctor/check-files.ts";
import { checkAncestors, checkPermissions, modeText } from "../../src/registry/doctor/check-permissions.ts";
import { checkRunners } from "../../src/registry/doctor/check-runners.ts";
import { type FileState, fileState } from "../../src/stores/file-state.ts";
import { inspectFiles, type RegistryFiles } from "../../src/stores/registry-files.ts";
import { TestRegistry, temporaryDirectory } from "../helpers/registry.ts";

afterEach(() => vi.restoreAllMocks());

/** A file of this mode, as the system shows it where it belongs to that user. */
function fileOf(uid: number, mode: number): FileState {
  const path = join(temporaryDirectory(), "file");
  fs.writeFileSync(path, "");
  fs.chmodSync(path, mode);
  const state = fileState(path);
  return { ...state, stat: Object.assign(state.stat as fs.Stats, { uid, gid: 1001 }) };
}

const findingsOf = (file: FileState) =>
  checkPermissions("document", file).map(({ verdict, text, remedy }) => ({
    verdict,
    text: text.replaceAll(file.path, "<file>"),
    remedy: remedy?.replaceAll(file.path, "<file>"),
  }));

describe.skipIf(process.platform === "win32")("doctor, on the owner of a file,", () => {
  test("warns of another user's, who may change it", () => {
    vi.spyOn(process, "getuid").mockReturnValue(1001);
    expect(findingsOf(fileOf(1002, 0o644))).toEqual([
      {
        verdict: "warn",
        text: "<file> belongs to user 1002, who may change it at any time",
        remedy: "set IRIS_PORT_REGISTRY to a file of your own, unless you trust that user",
      },
    ]);
  });

  test("tells root to run as the user whose file it is", () => {
    vi.spyOn(process, "getuid").mockReturnValue(0);
    expect(findingsOf(fileOf(1002, 0o644))).toEqual([
      {
        verdict: "warn",
        text: "<file> belongs to user 1002, who may not be able to open files that root creates there",
        remedy: "run iris-ports as that user: sudo -u '#1002' npx iris-ports doctor",
      },
    ]);
  });

  test.each([
    ["this user's own", 1001, 0o644],
    ["root's", 0, 0o644],
    ["shared with a group", 1002, 0o664],
  ])("says nothing where it is %s", (_, uid, mode) => {
    vi.spyOn(process, "getuid").mockReturnValue(1001);
    expect(findingsOf(fileOf(uid, mode))).toEqual([]);
  });

  test("shows with which group it is shared", () => {
    expect(modeText(fileOf(1002, 0o660))).toBe("0660, shared with group 1001");
    expect(modeText(fileOf(1002, 0o640))).toBe("0640");
    expect(modeText(fileState(join(temporaryDirectory(), "missing")))).toBe("");
  });
});

describe.skipIf(process.platform === "win32")("doctor, on a file that this user may not read and write,", () => {
  test.each([
    ["EACCES", 'sudo chown "$USER" <file>; or join group 1001, where it is shared; or set IRIS_PORT_REGISTRY'],
    ["EROFS", "mount its file system writable, or set IRIS_PORT_REGISTRY to a file elsewhere"],
  ])("names a remedy for %s", (code, remedy) => {
    vi.spyOn(fs, "accessSync").mockImplementation(() => {
      throw Object.assign(new Error("recorded"), { code });
    });
    const [finding] = findingsOf(fileOf(process.getuid?.() ?? 0, 0o600));
    expect(finding).toMatchObject({ verdict: "fail", text: `this user may not read and write <file> (${code})` });
    expect(finding?.remedy).toContain(remedy);
  });
});

test("doctor says nothing of modes, owners and runners on Windows, which shows none", () => {
  const open = fileOf(1002, 0o666);
  const directory = temporaryDirectory();
  fs.chmodSync(directory, 0o777);
  const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
  Object.defineProperty(process, "platform", { ...platform, value: "win32" });
  try {
    expect(checkPermissions("document", open)).toEqual([]);
    expect(checkAncestors("directory", join(directory, "below"))).toEqual([]);
    expect(checkRunners("/srv/ports/port-registry.json")).toEqual([]);
  } finally {
    Object.defineProperty(process, "platform", platform);
  }
});

describe("doctor, on a registry's files,", () => {
  async function used(): Promise<TestRegistry> {
    const registry = await TestRegistry.create();
    await registry.open().assignPort(registry.project("shop"));
    return registry;
  }

  async function findings(path: string, change: (files: RegistryFiles) => RegistryFiles = (files) => files) {
    const found = await checkFiles(change(await inspectFiles(path)));
    return (check: string) => found.find((finding) => finding.check === check);
  }

  test("says that a directory is created at the first assignment", async () => {
    const missing = join(temporaryDirectory(), "missing");
    const of = await findings(join(missing, "port-registry.json"));
    expect(of("directory")).toMatchObject({ verdict: "ok", text: `${missing} is created at the first assignment` });
  });

  test("does not offer to repair a file that never was a registry", async () => {
    const path = join(temporaryDirectory(), "notes.txt");
    fs.writeFileSync(path, "buy milk\n", { mode: 0o600 });
    const of = await findings(path);
    expect(of("document")).toMatchObject({
      verdict: "fail",
      remedy: "check the path: nothing shows that this file ever was a port registry",
    });
  });

  test("reports that another tool wrote the document last", async () => {
    const registry = await used();
    const { iris_ports: _, ...others } = registry.json();
    registry.write(others);
    const of = await findings(registry.path);
    expect(of("document")).toMatchObject({
      verdict: "ok",
      text: expect.stringContaining(": 1 assignment, written by another tool, 1 kB ("),
    });
  });

  test.skipIf(process.platform === "win32")("reports the modes that prevent reading a document, once", async () => {
    const registry = await used();
    fs.chmodSync(registry.path, 0o602);
    const error = new RegistryAccessError({
      what: "It cannot be read.",
      remedy: "fix it",
      registryPath: registry.path,
    });
    const found = await checkFiles({
      ...(await inspectFiles(registry.path)),
      content: { kind: "inaccessible", error },
    });
    expect(found.filter(({ check }) => check === "document").map(({ text }) => text)).toEqual([
      `every user of this host may change ${registry.path}`,
    ]);
  });

  test.skipIf(process.platform === "win32")("reports that this user may not take the Python tool's lock", async () => {
    const registry = await used();
    const lock = join(registry.directory, "port-registry.lock");
    fs.writeFileSync(lock, "", { mode: 0o600 });
    const files = await inspectFiles(registry.path);
    // As far as this user can tell: root may lock whatever is there.
    fs.rmSync(lock);
    const of = await findings(registry.path, () => files);
    expect(of("python tool")).toMatchObject({
      verdict: "warn",
      text: `this user may not lock ${lock} (ENOENT)`,
      remedy: `chmod g+rw ${lock}`,
    });
  });
});
