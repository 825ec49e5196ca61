const check = require("./check.cjs");
const library = require("iris-ports");

it("IRIS answers", async function () {
  this.timeout(300_000);
  await check(library, await import("iris-ports/ports"));
});
