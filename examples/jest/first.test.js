test("the first file sees its own rows only", async () => {
  await iris.runSql("CREATE TABLE orders (item VARCHAR(20))");
  await iris.runSql("INSERT INTO orders (item) VALUES (?)", ["first"]);
  expect(await iris.runSql("SELECT item FROM orders")).toEqual([{ item: "first" }]);
});
