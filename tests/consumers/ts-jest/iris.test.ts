import * as library from "iris-ports";
import * as ports from "iris-ports/ports";

import check = require("./check.cjs");

test("IRIS answers", async () => {
  const registry: library.PortRegistry = new ports.PortRegistry({ engine: false });
  expect(registry).toBeInstanceOf(library.PortRegistry);
  await check(library, ports);
}, 300_000);
