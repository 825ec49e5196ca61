import assert from "node:assert/strict";
import { test } from "node:test";
import { useIris } from "./iris.js";

const iris = useIris("SECOND");

test("the second file sees its own rows only", async () => {
  await iris().runSql("CREATE TABLE orders (item VARCHAR(20))");
  await iris().runSql("INSERT INTO orders (item) VALUES (?)", ["second"]);
  assert.deepEqual(await iris().runSql("SELECT item FROM orders"), [{ item: "second" }]);
});
