import { describe, expect, test } from "vitest";
import { IrisSessionError } from "../../src/errors/errors.ts";
import { objectScriptTask } from "../../src/iris/session/object-script.ts";
import { sessionCommand } from "../../src/iris/session/session-command.ts";
import { sqlTask } from "../../src/iris/session/sql.ts";
import { sqlArgument } from "../../src/iris/session/sql-parameters.ts";
import { readRows } from "../../src/iris/session/sql-rows.ts";
import { readTranscript, ScriptBuilder } from "../../src/iris/session/transcript.ts";
import { decodeBase64 } from "../../src/iris/session/wide-text.ts";

const b64 = (text: string) => Buffer.from(text).toString("base64");
const PROMPT = "\r\nUSER>";

describe("a session's transcript", () => {
  test("has the output of each step exactly, apart from prompts and whatever else looks like a marker", () => {
    const output = `\r\nNode: a, Instance: IRIS\r\n${PROMPT}\r\nIPw<1:\r\n a\r\n\r\nIPx>1:OK\r\n\r\nIPw>1:OK\r\n${PROMPT}\r\nIPw<2:\r\n\r\nIPw>2:OK\r\n${PROMPT}\r\nIPw>end:\r\n`;
    const { steps, isComplete } = readTranscript("w", output);
    expect(steps.map((step) => step.output)).toEqual([" a\n\nIPx>1:OK\n", ""]);
    expect(isComplete).toBe(true);
  });

  test("has IRIS's words about a failed step, even if they are not ASCII", () => {
    const output = `\nIPw<1:\nhalf\nIPw>1:ERR:${b64("<UNDEFINED> *größe")}\nUSER>\nIPw>end:\n`;
    expect(readTranscript("w", output).steps).toEqual([
      { step: 1, output: "half", words: "<UNDEFINED> *größe", isEnded: true },
    ]);
  });

  test("reports a session that ended in the middle of a step, or printed nothing", () => {
    expect(readTranscript("w", "\nIPw<4:\nbye").steps).toEqual([
      { step: 4, output: "bye", words: undefined, isEnded: false },
    ]);
    const refused = readTranscript("w", "Sign-on inhibited: Startup or Installation in progress\n");
    expect(refused).toMatchObject({ steps: [], isComplete: false, rest: expect.stringContaining("Sign-on inhibited") });
  });

  test("is told from a script's own output by a new random word", () => {
    expect(new ScriptBuilder().word).not.toBe(new ScriptBuilder().word);
  });
});

describe("a script", () => {
  test("is printable ASCII in lines that a session can read, whatever its content", () => {
    const { script } = objectScriptTask(`write "${"é☃😀\t".repeat(2_000)}"`, { namespace: "user" });
    expect(script).toMatch(/^[ -~\n]*$/);
    expect(Math.max(...script.split("\n").map((line) => line.length))).toBeLessThan(4_000);
  });

  test("turns off the right margin, at which a session would break lines", () => {
    expect(objectScriptTask("write 1", { namespace: "USER" }).script).toMatch(/^try \{ use \$io:0 \}/);
  });

  test("is passed in as many environment variables as it needs, or not at all", () => {
    const { command, env } = sessionCommand("x".repeat(250_000)) ?? { command: [], env: {} };
    expect(Object.values(env).map((part) => part.length)).toEqual([100_000, 100_000, 50_000]);
    expect(command[2]).toBe(
      'printf %s "$IRIS_PORTS_SCRIPT_0" "$IRIS_PORTS_SCRIPT_1" "$IRIS_PORTS_SCRIPT_2" | iris session IRIS -U %SYS',
    );
    expect(sessionCommand("x".repeat(1_000_001))).toBeUndefined();
  });

  test("that was not run is an IrisSessionError with what IRIS said instead", () => {
    const { read } = objectScriptTask("write 1", { namespace: "USER", container: "iris_1" });
    const error = catching(() => read("Access Denied\n"));
    expect(error).toMatchObject({ code: "IRIS_SESSION", words: "Access Denied", namespace: "USER" });
    expect(error.remedy).toContain("docker exec -it iris_1 iris session IRIS -U USER");
  });
});

describe("SQL", () => {
  test("fails with the SQLCODE and message that a failed %Status has in it", () => {
    const { script, read } = sqlTask("SELECT 1;\nSELECT * FROM shop", [], { namespace: "USER" });
    const word = /"IP"_"(\w+)</.exec(script)?.[1];
    const ok = (step: number) => `\nIP${word}<${step}:\n\nIP${word}>${step}:OK\n`;
    const words = "ERROR #5540: SQLCODE: -30 Message:  Table 'SQLUSER.SHOP' not found";
    const error = catching(() =>
      read(`${ok(1)}${ok(2)}\nIP${word}<3:\n\nIP${word}>3:ERR:${b64(words)}\n\nIP${word}>end:\n`),
    );
    expect(error).toMatchObject({
      ...{
        sqlCode: -30,
        words: "SQLCODE -30: Table 'SQLUSER.SHOP' not found",
        line: 2,
        statement: "SELECT * FROM shop",
      },
    });
  });

  test("takes parameters of every kind that SQL knows, and no other", () => {
    const date = new Date("2026-11-28T10:11:12.345Z");
    expect([null, "", "x", 1.5, 1e-7, 1e21, 10n, true, false, date].map((value) => sqlArgument(value, 1))).toEqual([
      ...["", "\0", "x", "1.5", "0.0000001", "1000000000000000000000", "10", "1", "0", "2026-11-28 10:11:12.345"],
    ]);
    for (const value of [Number.NaN, undefined, {}, new Date("never")])
      expect(() => sqlArgument(value as never, 1)).toThrow(/Parameter 1/);
  });

  test("has no parameters for several statements, and needs at least one", () => {
    expect(() => sqlTask("SELECT 1; SELECT 2", [1], { namespace: "USER" })).toThrow(/one SQL statement/);
    expect(() => sqlTask(" ; -- nothing", [], { namespace: "USER" })).toThrow(/no SQL statement/);
  });

  test("returns numbers that JavaScript can hold, and text for others", () => {
    const head = `${b64("a")}:4,${b64("a")}:2,${b64("größe")}:12,${b64("big")}:-5;`;
    const row = `${b64("7")}.,${b64("-.50")}.,${b64("1")}.,${b64("9007199254740993")}.;`;
    const wrapped = `${head}${row}~,${b64("")}.,AA==.,~;`.replaceAll(/(.{10})/g, "$1\r\n");
    expect(readRows(wrapped)).toEqual([
      { a: 7, a_2: -0.5, größe: "1", big: "9007199254740993" },
      { a: null, a_2: "", größe: "", big: null },
    ]);
    expect(readRows("\n")).toBeUndefined();
  });
});

test("text in which each half of a surrogate pair was encoded for itself is read, in runs that split a pair as well", () => {
  expect(decodeBase64(`${Buffer.from("c3a9eda0bdedb880", "hex").toString("base64")}.`)).toBe("é😀");
  expect(
    decodeBase64(
      `${Buffer.from("41eda0bd", "hex").toString("base64")}.${Buffer.from("edb88042", "hex").toString("base64")}.`,
    ),
  ).toBe("A😀B");
  expect(decodeBase64(b64("한 \u{D7FF} 😀"))).toBe("한 \u{D7FF} 😀");
});

function catching(run: () => unknown): IrisSessionError {
  try {
    run();
  } catch (error) {
    if (error instanceof IrisSessionError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}
