import { createRequire } from "node:module";
import * as library from "iris-ports";
import check from "./check.cjs";

await check(library, createRequire(import.meta.url)("iris-ports/ports"));
