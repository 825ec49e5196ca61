import { describe, expect, test } from "vitest";
import { splitSql } from "../../src/iris/session/sql-text.ts";
import { splitStatements } from "../../src/iris/session/statements.ts";
import { statusOf } from "../../src/iris/session/status-of.ts";

const codes = (source: string) => splitStatements(source).map(({ line, code }) => `${line}: ${code}`);

describe("a script of ObjectScript", () => {
  test("is one statement a line, without comments, empty lines and a byte order mark", () => {
    expect(codes('\uFEFF// first\r\nset x=1 ; one\r\n\r\n  write "a;b//c",! #; two\n/* three\nfour */write x')).toEqual(
      ["2: set x=1", '4: write "a;b//c",!', "6: write x"],
    );
  });

  test("may have blocks and argument lists over several lines", () => {
    expect(codes("for i=1:1:3 {\n  write i\n}\n\ndo ##class(A.B).C(1,\n  2)\nwrite 9")).toEqual([
      "1: for i=1:1:3 { write i }",
      "5: do ##class(A.B).C(1, 2)",
      "7: write 9",
    ]);
  });

  test("joins keywords that continue the block before", () => {
    expect(codes("if x {\n write 1\n}\n\nelse {\n write 2\n}\ntry {\n do y\n}\ncatch e {\n}")).toEqual([
      "1: if x { write 1 } else { write 2 }",
      "8: try { do y } catch e { }",
    ]);
  });

  test("keeps a line with an unclosed bracket as it is, so that IRIS refuses that line", () => {
    expect(codes('write (1\nwrite "(",2')).toEqual(["1: write (1", '2: write "(",2']);
  });

  test("ends at a line that is only halt", () => {
    expect(codes("write 1\nhalt\nwrite 2")).toEqual(["1: write 1"]);
  });
});

describe("the %Status of the last expression", () => {
  test.each([
    ["set sc=##class(A.B).C(1,2)", { kind: "variable", name: "sc" }],
    ["set x=1 set y = x+2", { kind: "variable", name: "y" }],
    ["set x = s + d", { kind: "variable", name: "x" }],
    ["write sc", { kind: "variable", name: "sc" }],
    ["quit sc", { kind: "value", code: "set ipValue=sc" }],
    [
      'write $system.OBJ.Load("x","ck")',
      { kind: "value", code: 'set ipValue=$system.OBJ.Load("x","ck") write ipValue' },
    ],
    [
      'set x=1 do ##class(%Foo).Bar("a) b",x)',
      {
        kind: "method",
        className: '"%Library.Foo"',
        method: "Bar",
        code: 'set x=1 set ipValue=##class(%Foo).Bar("a) b",x)',
      },
    ],
    [
      "do obj.%Save()",
      { kind: "method", className: "$classname(obj)", method: "%Save", code: "set ipValue=obj.%Save()" },
    ],
    [
      "do $system.OBJ.Compile(x)",
      { kind: "method", className: '"%SYSTEM.OBJ"', method: "Compile", code: "set ipValue=$system.OBJ.Compile(x)" },
    ],
  ])("is found in %s", (code, found) => {
    expect(statusOf(code)).toEqual(found);
  });

  test.each(["write 1", 'write "do x()"', "if x { do ##class(A.B).C() }", 'zn "USER"', "set a=1,b=2", "do a(),b()"])(
    "is not guessed in %s",
    (code) => {
      expect(statusOf(code)).toBeUndefined();
    },
  );
});

describe("a file of SQL", () => {
  test("is split at semicolons and at GO, but not in strings, names and comments", () => {
    const sql = `-- one; two\nINSERT INTO t VALUES ('a;b', "c;d"); /* ; */ SELECT 1\nGO\nSELECT 'it''s;' -- end;\n`;
    expect(splitSql(sql)).toEqual([
      { line: 2, sql: `INSERT INTO t VALUES ('a;b', "c;d")` },
      { line: 2, sql: "SELECT 1" },
      { line: 4, sql: "SELECT 'it''s;' -- end;" },
    ]);
  });

  test("keeps the bodies of procedures and triggers together", () => {
    const sql =
      "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT CASE WHEN 1=1 THEN 2 END; END; CREATE FUNCTION f() LANGUAGE OBJECTSCRIPT { set x=1; quit x }; SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 3";
    expect(splitSql(sql).map((statement) => statement.sql)).toEqual([
      "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT CASE WHEN 1=1 THEN 2 END; END",
      "CREATE FUNCTION f() LANGUAGE OBJECTSCRIPT { set x=1; quit x }",
      "SELECT CASE 1 WHEN 1 THEN 2 END",
      "SELECT 3",
    ]);
  });

  test("has no statement if it has only comments", () => {
    expect(splitSql(" -- nothing\n;;/* here */ ;\nGO\n")).toEqual([]);
  });
});
