import * as library from "iris-ports";
import * as ports from "iris-ports/ports";
import check from "./check.cjs";

test("IRIS answers", () => check(library, ports), 300_000);
