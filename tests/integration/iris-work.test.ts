import fs from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IrisRegistryContainer, IrisSessionError, type StartedIrisRegistryContainer } from "../../src/index.ts";
import { irisImage, isStandin } from "../helpers/container-bench.ts";
import { reservePorts } from "../helpers/free-ports.ts";

let iris: StartedIrisRegistryContainer;
let ports: Awaited<ReturnType<typeof reservePorts>>;
const directory = fs.mkdtempSync("/tmp/iris-ports-work-");

beforeAll(async () => {
  ports = await reservePorts(2);
  iris = await (await container()).start();
}, 180_000);

afterAll(async () => {
  await iris?.stop();
  await ports?.[Symbol.asyncDispose]();
  fs.rmSync(directory, { recursive: true, force: true });
});

async function container(): Promise<IrisRegistryContainer> {
  return new IrisRegistryContainer(await irisImage())
    .withRegistry(join(directory, "port-registry.json"))
    .withProject(directory)
    .withPortRange(ports.range);
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, text);
  return path;
}

async function refusal(work: Promise<unknown>): Promise<IrisSessionError> {
  const error = await work.then(() => undefined).catch((reason: unknown) => reason);
  if (error instanceof IrisSessionError) return error;
  throw new Error("IRIS did not refuse it", { cause: error });
}

describe("C14 ObjectScript", () => {
  test("returns what it writes, exactly, at any length and in any script of the world", async () => {
    const long = "0123456789".repeat(40);
    expect(await iris.runObjectScript(["set x=6*7", "write x,!", `write "${long}"`])).toBe(`42\n${long}`);
    expect(await iris.runObjectScript('write "größe ☃ 😀 ""quoted"""')).toBe('größe ☃ 😀 "quoted"');
    expect(await iris.runObjectScript("")).toBe("");
  });

  test("runs in the container's namespace, or in the requested one", async () => {
    expect(await iris.runObjectScript("write $namespace")).toBe("USER");
    expect(await iris.runObjectScript("write $namespace", { namespace: "%sys" })).toBe("%SYS");
    expect(await iris.runObjectScript(['zn "%SYS"', "write $namespace"])).toBe("%SYS");
    expect(await refusal(iris.runObjectScript("write 1", { namespace: "NOWHERE" }))).toMatchObject({
      namespace: "NOWHERE",
      words: "Namespace NOWHERE does not exist",
    });
  });

  test("may have blocks over several lines", async () => {
    const script = "for i=1:1:3 {\n  write i,! // a comment\n}\nif 1=2 {\n  write 1\n}\nelse {\n  write 2\n}\n";
    expect(await iris.runObjectScript(script)).toBe("1\n2\n3\n2");
  });

  test.each([
    ["<SYNTAX>", ["write 1", "this is not ObjectScript"]],
    ["<UNDEFINED>", ["write 1", "write nothing"]],
    ["<DIVIDE>", ["write 1", "write 1/0"]],
    ["<CLASS DOES NOT EXIST>", ["write 1", "do ##class(Shop.Nowhere).Work()"]],
    ["<NAMESPACE>", ["write 1", 'zn "NOWHERE"']],
  ])("that IRIS refuses with %s is an error that names the line", async (words, script) => {
    const error = await refusal(iris.runObjectScript([...script, 'set ^ipTest="reached"']));
    expect(error).toMatchObject({ code: "IRIS_SESSION", line: 2, statement: script[1], namespace: "USER" });
    expect(error.words).toContain(words);
    expect(error.message).toContain(words);
    // Nothing ran after it.
    expect(await iris.runObjectScript("write $data(^ipTest)")).toBe("0");
  });

  test.each([
    'set sc=$system.Status.Error(5001,"no stock")',
    'set x=1 write $system.Status.Error(5001,"no stock")',
    'quit $system.Status.Error(5001,"no stock")',
  ])("fails by the failed status of its last expression: %s", async (statement) => {
    const error = await refusal(iris.runObjectScript(["write 1", statement]));
    expect(error).toMatchObject({ line: 2, words: expect.stringMatching(/^ERROR #5001: .*no stock/) });
  });

  test("fails with the failed %Status of the method that it calls last", async () => {
    const error = await refusal(iris.runObjectScript('do $system.OBJ.Load("/nowhere/x.cls")'));
    expect(error.words).toMatch(/^ERROR #\d+: .*\/nowhere\/x\.cls/);
  });

  test("takes only a %Status for one, and only the last one", async () => {
    const bad = 'set sc=$system.Status.Error(5001,"no stock")';
    expect(await iris.runObjectScript([bad, "set ok=0", 'write "0 left"'])).toBe("0 left");
    expect(await iris.runObjectScript(["set ok=0"])).toBe("");
  });

  test("that ends its session early fails at that place", async () => {
    const error = await refusal(iris.runObjectScript(["write 1", "if 1 { halt }", "write 2"]));
    expect(error).toMatchObject({ line: 2, words: "the session ended here" });
    expect(await iris.runObjectScript(["write 1", "halt"])).toBe("1");
  });

  test("returns its output with every character whole, however long it is", async () => {
    // No chunk of the engine's is a multiple of three bytes long.
    const script = 'set line="" for i=1:1:3000 { set line=line_"€" } for i=1:1:60 { write line }';
    expect(await iris.runObjectScript(script)).toBe("€".repeat(180_000));
    const repeat = "i=0; while [ $i -lt 3000 ]; do printf '€€€€€€€€€€€€€€€€€€€€'; i=$((i+1)); done";
    const { output, stdout } = await iris.exec(["sh", "-c", repeat]);
    expect([output, stdout]).toEqual(["€".repeat(60_000), "€".repeat(60_000)]);
  });

  test("may be longer than any environment", async () => {
    const lines = Array.from({ length: 60 }, (_, index) => `set ^ipLong(${index})="${"x".repeat(20_000)}"`);
    await iris.runObjectScript([...lines, "kill ^ipLong", 'write "done"']);
    expect((await iris.exec(["sh", "-c", "ls -d /tmp/iris-ports-* 2>/dev/null | wc -l"])).output.trim()).toBe("0");
  }, 180_000);
});

describe("C14 SQL", () => {
  test("returns rows as objects", async () => {
    expect(await iris.runSql("SELECT 6*7 AS answer, 'x' AS letter, NULL AS nothing")).toEqual([
      { answer: 42, letter: "x", nothing: null },
    ]);
    expect(await iris.runSql("SELECT 1;")).toEqual([{ Expression_1: 1 }]);
  });

  test("takes parameters that cannot change the statement", async () => {
    await iris.runSql("CREATE TABLE ip_orders (name VARCHAR(2000), quantity INT, price NUMERIC(10,2))");
    try {
      const hostile = `'; DROP TABLE ip_orders; -- "größe" ☃ 😀 ${"x".repeat(1_000)}`;
      await iris.runSql("INSERT INTO ip_orders (name, quantity, price) VALUES (?, ?, ?)", [hostile, 2, 0.5]);
      await iris.runSql("INSERT INTO ip_orders (name, quantity, price) VALUES (?, ?, ?)", ["", null, 12]);
      expect(await iris.runSql("SELECT * FROM ip_orders WHERE quantity = ?", [2])).toEqual([
        { name: hostile, quantity: 2, price: 0.5 },
      ]);
      expect(await iris.runSql("SELECT name FROM ip_orders WHERE quantity IS NULL")).toEqual([{ name: "" }]);
    } finally {
      await iris.runSql("DROP TABLE ip_orders");
    }
  });

  test("may be several statements, such as those of a file", async () => {
    const path = file(
      "schema.sql",
      "-- the shop;\nCREATE TABLE ip_shop (name VARCHAR(50));\nINSERT INTO ip_shop (name) VALUES ('a;b')\nGO\nSELECT name FROM ip_shop;\nDROP TABLE ip_shop;\n",
    );
    expect(await iris.runSqlFile(path)).toEqual([{ name: "a;b" }]);
  });

  test.each([
    ["SELECT * FROM ip_nowhere", -30, /IP_NOWHERE/i],
    ["SELEC 1", -1, /./],
    ["SELECT ip_no_column", -29, /./],
  ])("fails with SQLCODE and message: %s", async (sql, sqlCode, message) => {
    const error = await refusal(iris.runSql(sql));
    expect(error).toMatchObject({ sqlCode, statement: sql, namespace: "USER" });
    expect(error.words).toMatch(message);
    expect(error.words).toContain(`SQLCODE ${sqlCode}`);
  });

  test("fails at the line of the statement", async () => {
    const error = await refusal(iris.runSql("SELECT 1;\n\nSELECT * FROM ip_nowhere;\nSELECT 2"));
    expect(error).toMatchObject({ line: 3, sqlCode: -30 });
    expect(error.message).toContain("the SQL in line 3");
  });
});

describe("C14 classes", () => {
  const order = `Class IpShop.Order Extends %RegisteredObject
{

ClassMethod Greet(who As %String) As %String
{
  quit "Hello "_who
}

ClassMethod Fail() As %Status
{
  quit $system.Status.Error(5001,"no stock")
}

}
`;

  test("are imported from a file, a directory or a glob, and compiled", async () => {
    file("src/IpShop/Order.cls", order);
    file("src/IpShop/notes.txt", "none of this");
    file("src/IpShop/Codes.inc", "ROUTINE IpShop.Codes [Type=INC]\n#define Ok 1\n");
    expect(await iris.importClasses(join(directory, "src/IpShop/Order.cls"))).toEqual(["IpShop.Order.CLS"]);
    expect((await iris.importClasses(join(directory, "src"))).sort()).toEqual(["IpShop.Codes.INC", "IpShop.Order.CLS"]);
    expect(await iris.importClasses(join(directory, "src/**/*.{cls,xml}"))).toEqual(["IpShop.Order.CLS"]);
    expect(await iris.runObjectScript('write ##class(IpShop.Order).Greet("you")')).toBe("Hello you");
    expect((await refusal(iris.runObjectScript("do ##class(IpShop.Order).Fail()"))).words).toMatch(/no stock/);
  });

  test("may be many, and long", async () => {
    const named = (name: string, more = "") => `Class IpMany.${name}\n{\n\n${more}}\n`;
    for (let index = 0; index < 1_500; index += 1) file(`many/C${index}.cls`, named(`C${index}`));
    file("many/Long.cls", named("Long", `/// ${"x".repeat(3_000_000)}\n`));
    const imported = await iris.importClasses(join(directory, "many"));
    expect(new Set(imported).size).toBe(1_501);
    expect(imported).toContain("IpMany.Long.CLS");
  });

  test("that do not compile are an error with every error of the compiler", async () => {
    const bad = file("bad/Bad.cls", "Class IpShop.Bad\n{\n\nClassMethod X()\n{\n  frobnicate it\n  bogus\n}\n\n}\n");
    const error = await refusal(iris.importClasses(bad));
    expect(error.errors?.length).toBeGreaterThan(0);
    expect(error.errors?.join("\n")).toContain("IpShop.Bad");
    expect(error.message).toContain(error.errors?.[0]);
  });

  test("are an error if a path has none", async () => {
    await expect(iris.importClasses(join(directory, "none/*.cls"))).rejects.toThrow(/names no file of classes/);
  });
});

describe("C14 namespaces", () => {
  test("are made and deleted with what is in them", async () => {
    await iris.createNamespace("IPWORK");
    await iris.createNamespace("ipwork");
    await iris.runObjectScript('set ^ipMark="theirs"', { namespace: "IPWORK" });
    expect(await iris.runObjectScript('write $get(^ipMark,"none")')).toBe("none");
    await iris.dropNamespace("IPWORK");
    expect((await refusal(iris.dropNamespace("IPWORK"))).sqlCode).toBeLessThan(0);
    await iris.createNamespace("IPWORK");
    expect(await iris.runObjectScript('write $get(^ipMark,"none")', { namespace: "IPWORK" })).toBe("none");
    await iris.dropNamespace("IPWORK");
  });

  test("that IRIS refuses are an error with IRIS's words", async () => {
    expect(await refusal(iris.createNamespace("IP-WORK"))).toMatchObject({ sqlCode: expect.any(Number) });
  });
});

test("the web server and the Management Portal have addresses", () => {
  expect(iris.getWebUrl()).toBe(`http://${iris.getHost()}:${iris.getWebPort()}`);
  expect(iris.getPortalUrl()).toBe(`${iris.getWebUrl()}/csp/sys/UtilHome.csp`);
});

test.runIf(isStandin)("a container that has stopped is an error of the engine, with what to look at", async () => {
  const other = await (await container()).withInstance("gone").start();
  await other.stop();
  await expect(other.runSql("SELECT 1")).rejects.toMatchObject({ code: "CONTAINER_ENGINE" });
});
