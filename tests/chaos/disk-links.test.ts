import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/registry.ts";
import { codeOf, openOnDisk } from "./on-disk.ts";

describe.runIf(process.platform !== "win32")("a symbolic link in the place of", () => {
  const cases = ["", ".commit", ".lock", ".commit/lock-owner", "lock of the Python tool"];

  test.for(cases)("port-registry.json%s to a file or a directory is not followed", async (suffix) => {
    for (const kind of ["file", "directory", "nothing"] as const) {
      const home = temporaryDirectory();
      const path = join(home, "registry", "port-registry.json");
      await openOnDisk(path).assignPort("/project");
      const document = fs.readFileSync(path);
      const outside = join(home, "outside");
      const victim = join(outside, "victim");
      fs.mkdirSync(outside);
      if (kind === "file") fs.writeFileSync(victim, document);
      if (kind === "directory") fs.mkdirSync(victim);
      const link = suffix.startsWith("lock") ? join(dirname(path), "port-registry.lock") : path + suffix;
      fs.rmSync(link, { recursive: true, force: true });
      fs.symlinkSync(victim, link);
      const before = look(outside);
      const allowed = [undefined, "REGISTRY_ACCESS", "PORT_ASSIGNMENT_TIMEOUT", "PORT_NOT_ASSIGNED"];
      expect(allowed).toContain(await codeOf(openOnDisk(path).assignPort("/other")));
      expect(allowed).toContain(await codeOf(openOnDisk(path).releasePort("/other")));
      expect(allowed).toContain(await codeOf(openOnDisk(path).listAll()));
      expect(look(outside), kind).toEqual(before);
      if (suffix === "" || suffix === ".commit")
        expect(await codeOf(openOnDisk(path).assignPort("/third"))).toBe("REGISTRY_ACCESS");
      if (suffix !== "") expect(Object.keys(JSON.parse(fs.readFileSync(path, "utf8")))).toContain("assignments");
      fs.rmSync(link, { recursive: true });
      await openOnDisk(path).assignPort("/fourth");
    }
  });
});

/** Everything that a write would change. */
function look(directory: string): unknown {
  return fs.readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, ctimeMs, mode, size } = fs.lstatSync(path);
    return { path, mtimeMs, ctimeMs, mode, size, text: entry.isFile() ? fs.readFileSync(path, "utf8") : "" };
  });
}
