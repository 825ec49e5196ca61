import assert from "node:assert/strict";
import { test } from "node:test";
import { useIris } from "./iris.js";

const iris = useIris("FIRST");

test("the first file sees its own rows only", async () => {
  await iris().runSql("CREATE TABLE orders (item VARCHAR(20))");
  await iris().runSql("INSERT INTO orders (item) VALUES (?)", ["first"]);
  assert.deepEqual(await iris().runSql("SELECT item FROM orders"), [{ item: "first" }]);
});
