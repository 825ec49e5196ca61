#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 22)) {
  void import("./cli.ts").then(async ({ main }) => {
    process.exitCode = await main(process.argv.slice(2));
  });
} else {
  process.stderr.write(
    `iris-ports: Node ${process.versions.node} is too old.\nNothing was done.\nTo fix: use Node 22.22 or newer; for one command: npx --yes -p node@24 -p iris-ports iris-ports list\n`,
  );
  process.exitCode = 1;
}
