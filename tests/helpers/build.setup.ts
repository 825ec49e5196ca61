import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Makes sure that the command line tests run what is in src/. */
export default function setup(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL("../../scripts/build.ts", import.meta.url)), "--if-stale"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}
