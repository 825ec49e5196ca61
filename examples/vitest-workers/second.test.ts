import { test } from "iris-ports/vitest";
import { expect } from "vitest";
import { meet } from "./meeting.ts";

test("the second worker sees its own rows only", async ({ iris }) => {
  await iris.runSql("CREATE TABLE orders (item VARCHAR(20))");
  await iris.runSql("INSERT INTO orders (item) VALUES (?)", ["second"]);
  // Now both tables have their row, in the same IRIS.
  await meet(iris, "second", "first");
  expect(await iris.runSql("SELECT item FROM orders")).toEqual([{ item: "second" }]);
});
