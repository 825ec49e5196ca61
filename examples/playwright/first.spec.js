import { expect } from "@playwright/test";
import { test } from "./iris-test.js";

test("the first worker sees its own rows only", async ({ iris }) => {
  await iris.runSql("CREATE TABLE orders (item VARCHAR(20))");
  await iris.runSql("INSERT INTO orders (item) VALUES (?)", ["first"]);
  expect(await iris.runSql("SELECT item FROM orders")).toEqual([{ item: "first" }]);
});
