/**
 * Fails when a package that ships has a known vulnerability: what the library depends on, and what the action's bundle
 * contains. If the npm registry does not answer, the script says so, and fails only with `--required`.
 */
import { readFileSync } from "node:fs";
import { runCommand } from "./run-command.ts";

type Advisory = { readonly name: string; readonly severity: string; readonly fixAvailable: unknown };
type LockedPackage = {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
};

/** Development dependencies for npm, but bundled into dist/. */
const BUNDLED = ["@actions/core", "@actions/exec"];

const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, LockedPackage> };
const { stdout } = await runCommand("npm", ["audit", "--json"], { env: { npm_config_fetch_retries: "0" } });
const advisories = readAdvisories(stdout);
if (advisories === undefined) {
  console.log("npm's registry did not answer: nothing is known about vulnerabilities.");
  process.exitCode = process.argv.includes("--required") ? 1 : 0;
} else {
  const shipped = shippedPackages();
  const found = advisories.filter(({ name }) => shipped.has(name));
  for (const { name, severity, fixAvailable } of found)
    console.log(`${name}: ${severity}; ${fixAvailable ? "npm audit fix" : "no fix yet"}`);
  console.log(`${found.length} of ${shipped.size} packages that ship are known to be vulnerable.`);
  process.exitCode = found.length > 0 ? 1 : 0;
}

function readAdvisories(json: string): readonly Advisory[] | undefined {
  try {
    const report = JSON.parse(json) as { vulnerabilities?: Record<string, Advisory> };
    return report.vulnerabilities && Object.values(report.vulnerabilities);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** By name: if the lock file has several versions of a package, each counts. */
function shippedPackages(): ReadonlySet<string> {
  const versions = Map.groupBy(Object.entries(lock.packages), ([path]) => path.replace(/^.*node_modules\//, ""));
  const shipped = new Set<string>();
  const add = (name: string) => {
    if (shipped.has(name) || !versions.has(name)) return;
    shipped.add(name);
    for (const [, { dependencies, optionalDependencies }] of versions.get(name) ?? [])
      for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) add(dependency);
  };
  for (const name of [...Object.keys(lock.packages[""]?.dependencies ?? {}), ...BUNDLED]) add(name);
  return shipped;
}
