import { describe, expect, test } from "vitest";
import { parseSetupOutput } from "../../src/iris/setup-output.ts";

const prompt = "\r\n%SYS>\r\n";

describe("the output of a setup session", () => {
  test("tells the steps that succeeded, between prompts and line ends of any kind", () => {
    const output = `\nNode: 1f, Instance: IRIS\n${prompt}IRISPORTS:ping:OK${prompt}IRISPORTS:user:OK\n%SYS>\nIRISPORTS:end:OK\n`;
    expect(parseSetupOutput(output)).toEqual({
      isOk: true,
      isSignedOn: true,
      succeeded: ["ping", "user"],
      failed: [],
      words: undefined,
    });
  });

  test("tells the steps that IRIS refused in IRIS's words", () => {
    const words = "ERROR #845: Password does not match length or pattern requirements";
    const result = parseSetupOutput(`IRISPORTS:ping:OK\nIRISPORTS:user:ERR:${words}\nIRISPORTS:end:OK\n`);
    expect(result).toMatchObject({ isOk: false, isSignedOn: true, failed: [{ step: "user", words }] });
  });

  test("is not good if its end is missing", () => {
    expect(parseSetupOutput("IRISPORTS:ping:OK\n")).toMatchObject({ isOk: false, isSignedOn: true });
    expect(parseSetupOutput("")).toEqual({
      isOk: false,
      isSignedOn: false,
      succeeded: [],
      failed: [],
      words: undefined,
    });
  });

  test("names a step that failed without a reason", () => {
    expect(parseSetupOutput("IRISPORTS:namespace:ERR:\n").failed).toEqual([
      { step: "namespace", words: "no reason given" },
    ]);
  });

  test("reports that sessions are not accepted yet", () => {
    const output = "Sign-on inhibited: Startup or Installation in progress\n";
    expect(parseSetupOutput(output)).toMatchObject({ isSignedOn: false, words: output.trim() });
  });

  test("ignores an echo of the script, and markers inside other lines", () => {
    const output = '%SYS>write !,"IRISPORTS"_":ping:"_"OK",!\nhe said IRISPORTS:ping:OK\nIRISPORTS:other:OK\n';
    expect(parseSetupOutput(output)).toMatchObject({ isSignedOn: false, succeeded: [] });
  });

  test("passes on IRIS's errors, but never a line that IRIS repeats", () => {
    const output =
      '%SYS>\nSET ipPassword="secret" 1\n                       ^\n<SYNTAX>\n<SYNTAX>\n<CLASS DOES NOT EXIST> *A.B\n';
    expect(parseSetupOutput(output).words).toBe("<SYNTAX>; <CLASS DOES NOT EXIST>");
  });
});
