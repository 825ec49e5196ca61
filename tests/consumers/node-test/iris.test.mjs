import { test } from "node:test";
import * as library from "iris-ports";
import check from "./check.cjs";
import ports from "./required.cjs";

test("IRIS answers", { timeout: 300_000 }, () => check(library, ports));
