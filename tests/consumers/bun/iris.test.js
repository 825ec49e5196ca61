import { test } from "bun:test";
import * as library from "iris-ports";
import check from "./check.cjs";

test("IRIS answers", () => check(library, require("iris-ports/ports")), 300_000);
