import { expect } from "@playwright/test";
import { test } from "./iris-test.js";

test("the second worker sees its own rows only", async ({ iris }) => {
  await iris.runSql("CREATE TABLE orders (item VARCHAR(20))");
  await iris.runSql("INSERT INTO orders (item) VALUES (?)", ["second"]);
  expect(await iris.runSql("SELECT item FROM orders")).toEqual([{ item: "second" }]);
});
