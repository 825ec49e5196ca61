import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { releaseNotes } from "../../scripts/release-notes.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const CHANGELOG = `# iris-ports

## 1.10.0

### Minor Changes

- The second.

## 1.1.0

- The first.
`;

describe("the notes of a release", () => {
  test("are the section of its version, not of a version with the same beginning", () => {
    expect(releaseNotes(CHANGELOG, "v1.10.0")).toBe("### Minor Changes\n\n- The second.");
    expect(releaseNotes(CHANGELOG, "v1.1.0")).toBe("- The first.");
  });

  test.each(["v1.1.1", "v1.1", "", "v"])("are missing for %j, which is an error", (tag) => {
    expect(() => releaseNotes(CHANGELOG, tag)).toThrow("npx changeset version");
  });

  test("are there for the present version of the package", () => {
    const { stdout, status } = spawnSync(process.execPath, ["scripts/release-notes.ts", `v${packageJson.version}`], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(stdout.trim()).not.toBe("");
  });
});

describe.skipIf(process.platform === "win32")("the major tag", () => {
  type Step = { readonly name?: string; readonly run?: string };
  const workflow = parse(readFileSync(join(ROOT, ".github/workflows/release.yml"), "utf8"));
  const script =
    (workflow.jobs.release.steps as Step[]).find(({ name }) => name?.startsWith("Move the tag"))?.run ?? "";

  /** A repository with a release per version, a commit each; then the workflow's step runs for one of them. */
  function majorTagAfter(versions: readonly string[], released: string): string {
    const work = temporaryDirectory();
    const origin = temporaryDirectory();
    const identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    const git = (...args: string[]) => execFileSync("git", [...identity, ...args], { cwd: work, encoding: "utf8" });
    execFileSync("git", ["init", "--quiet", "--bare", origin]);
    git("init", "--quiet");
    git("remote", "add", "origin", origin);
    for (const version of versions) {
      git("commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", version);
      git("tag", "--no-sign", version);
    }
    execFileSync("bash", ["-e", "-c", script], { cwd: work, env: { ...process.env, TAG: released }, stdio: "pipe" });
    const [hash = ""] = git("ls-remote", "origin", `refs/tags/${released.split(".")[0]}`).split("\t");
    return hash === "" ? "" : git("tag", "--points-at", hash, "--list", "v*.*.*").trim();
  }

  test("moves to the release", () => {
    expect(majorTagAfter(["v1.2.3", "v1.10.0"], "v1.10.0")).toBe("v1.10.0");
  });

  test("stays if a newer release has it; other major versions do not count", () => {
    expect(majorTagAfter(["v1.10.0", "v1.9.1"], "v1.9.1")).toBe("");
    expect(majorTagAfter(["v2.0.0", "v1.9.1"], "v1.9.1")).toBe("v1.9.1");
  });
});
