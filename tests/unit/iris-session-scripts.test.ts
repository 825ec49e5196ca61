import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { objectScriptString } from "../../src/iris/objectscript.ts";
import { pingScript, setupScript } from "../../src/iris/session-scripts.ts";

const credentials = { username: "alice", password: "secret" };

describe("a session script", () => {
  test("has one statement a line and ends the session", () => {
    const lines = setupScript({ ...credentials, namespace: "SHOP" }).split("\n");
    expect(lines.slice(-2)).toEqual(["halt", ""]);
    for (const line of lines.slice(0, -2)) expect(line).toMatch(/^(write !,|kill ip|try \{ |set ipPassword=)/);
  });

  test("contains no complete marker, so that its echo is not taken for an answer", () => {
    expect(setupScript({ ...credentials, namespace: "SHOP" })).not.toContain("IRISPORTS:");
    expect(pingScript()).toBe('write !,"IRISPORTS"_":ping:"_"OK",!\nwrite !,"IRISPORTS"_":end:"_"OK",!\nhalt\n');
  });

  test("contains only the requested steps", () => {
    const steps = (script: string) => [...script.matchAll(/"IRISPORTS"_":(\w+):"/g)].map(([, step]) => step);
    expect(steps(setupScript())).toEqual(["ping", "passwords", "end"]);
    expect(steps(setupScript(credentials))).toEqual(["ping", "passwords", "user", "end"]);
    expect(steps(setupScript({ namespace: "SHOP" }))).toEqual(["ping", "passwords", "namespace", "end"]);
  });

  test("contains the password once, in a statement that IRIS can always parse", () => {
    const lines = setupScript({ username: "_SYSTEM", password: 'se"cret' }).split("\n");
    expect(lines.filter((line) => line.includes("cret"))).toEqual(['set ipPassword="se""cret"']);
  });

  test("writes the namespace in capitals", () => {
    expect(setupScript({ namespace: "my_shop" })).toContain('"CREATE DATABASE MY_SHOP"');
  });
});

describe("values in a session script", () => {
  test.each(["", "1SHOP", "-SHOP", "_SHOP", 'A"', "A B", "A\nhalt", "ÄPFEL", "A".repeat(64), 7, null])(
    "is no namespace when it is %j",
    (namespace) => {
      expect(() => setupScript({ namespace: namespace as string })).toThrow(InvalidArgumentError);
    },
  );

  test.each(["%SYS", "USER", "a", "my-shop", "A_1", "A".repeat(63)])("is a namespace when it is %j", (namespace) => {
    expect(setupScript({ namespace })).toContain(`.Exists("${namespace.toUpperCase()}")`);
  });

  test.each(["", "*", "a*", "a b", 'a"', "a\n", "-a", "a".repeat(129), 7])("is no user when it is %j", (username) => {
    expect(() => setupScript({ username: username as string, password: "x" })).toThrow(InvalidArgumentError);
  });

  test.each(["_SYSTEM", "alice", "a.b@example.org", "%x", "7"])("is a user when it is %j", (username) => {
    expect(setupScript({ username, password: "x" })).toContain(`Create("${username}","%ALL",ipPassword)`);
  });

  test.each(["", "secret\n", "secret\u0000", "secret\u0085", "secret\u2028", "secret\ud800", "secret".repeat(30)])(
    "is no password when it is %j, and the error does not show it",
    (password) => {
      const attempt = () => setupScript({ username: "alice", password });
      expect(attempt).toThrow(InvalidArgumentError);
      expect(attempt).not.toThrow(/secret/);
      try {
        attempt();
      } catch (error) {
        expect(JSON.stringify(error)).not.toContain("secret");
      }
    },
  );

  test("is a user with both name and password", () => {
    expect(() => setupScript({ username: "alice" })).toThrow(/needs both a name and a password/);
    expect(() => setupScript({ password: "secret" })).toThrow(/needs both a name and a password/);
  });
});

describe("a string for ObjectScript", () => {
  test.each([
    ["", '""'],
    ["plain", '"plain"'],
    ['"', '""""'],
    ["a\tb", '"a"_$char(9)_"b"'],
    ["é", "$char(233)"],
    ["x😀", '"x"_$char(55357,56832)'],
  ])("of %j is %s", (text, expression) => {
    expect(objectScriptString(text)).toBe(expression);
  });

  test("is printable ASCII that evaluates to the original text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const expression = objectScriptString(text);
        expect(expression).toMatch(/^[ -~]+$/);
        expect(evaluated(expression)).toBe(text);
      }),
    );
  });
});

/** What ObjectScript makes of literals and `$char()` joined by `_`; throws on anything else. */
function evaluated(expression: string): string {
  const [, literal, codes, rest] = /^(?:"((?:[^"]|"")*)"|\$char\(([\d,]+)\))(?:_(.+))?$/s.exec(expression) ?? [];
  if (literal === undefined && codes === undefined) throw new Error(`no expression: ${expression}`);
  const head = literal?.replaceAll('""', '"') ?? String.fromCharCode(...(codes ?? "").split(",").map(Number));
  return rest === undefined ? head : head + evaluated(rest);
}
