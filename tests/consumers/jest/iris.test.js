const check = require("./check.cjs");
const library = require("iris-ports");
const ports = require("iris-ports/ports");

test("IRIS answers", () => check(library, ports), 300_000);
