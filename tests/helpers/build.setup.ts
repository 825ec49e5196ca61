import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Makes sure that the command line tests run what is in src/. */
export default function setup(): void {
  const script = fileURLToPath(new URL("../../scripts/build.ts", import.meta.url));
  execFileSync(process.execPath, [script, "--if-stale", "--no-check"], { stdio: ["ignore", "ignore", "inherit"] });
}
