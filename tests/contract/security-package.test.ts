import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };

/** What npm runs on the machine of a user who installs a package. */
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];

describe("the package", () => {
  it("runs nothing when it is installed", () => {
    expect(Object.keys(packageJson.scripts).filter((name) => INSTALL_SCRIPTS.includes(name))).toEqual([]);
  });

  it("contains only compiled sources and texts: no binary, no key, no test", () => {
    const args = ["pack", "--dry-run", "--ignore-scripts", "--json"];
    const shell = process.platform === "win32";
    const [manifest] = JSON.parse(
      execFileSync("npm", args, { encoding: "utf8", shell, stdio: ["ignore", "pipe", "ignore"] }),
    );
    const paths: string[] = manifest.files.map(({ path }: { path: string }) => path);
    expect(paths).toContain("package.json");
    const isExpected = (path: string) =>
      /^dist\/lib\/[\w/-]+((\.d)?\.m?[jt]s|\/package\.json)$/.test(path) ||
      ["dist/lib/package.json", "dist/lib/cli/licenses.txt"].includes(path) ||
      ["package.json", "README.md", "LICENSE", "CHANGELOG.md"].includes(path);
    expect(paths.filter((path) => !isExpected(path))).toEqual([]);
  });

  it("depends on a few packages that run nothing when installed, except the documented ones", () => {
    expect(Object.keys(packageJson.dependencies).sort()).toEqual([
      "@bomb.sh/tab",
      "commander",
      "debug",
      "dockerode",
      "jsonc-parser",
      "proper-lockfile",
    ]);
    const packages = Object.entries(lock.packages as Record<string, { dev?: boolean; hasInstallScript?: boolean }>);
    const shipped = packages.filter(([path, { dev }]) => path !== "" && dev !== true);
    const running = shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
    // All below dockerode, which works without what they build.
    expect(running.map((path) => path.replace(/^.*node_modules\//, "")).sort()).toEqual([
      "cpu-features",
      "protobufjs",
      "ssh2",
    ]);
  });
});
