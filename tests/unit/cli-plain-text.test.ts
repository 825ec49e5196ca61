import { describe, expect, it } from "vitest";
import { columnsOf, plainJson, plainLines, plainText, truncate } from "../../src/text/plain-text.ts";

describe("plainText", () => {
  it.each([
    ["a terminal's colour", "\u001b[31mred", "\\u{1b}[31mred"],
    ["a line break", "one\ntwo", "one\\u{a}two"],
    ["the one-byte escape", "\u009b31m", "\\u{9b}31m"],
    ["a change of direction", "safe\u202etxt.exe", "safe\\u{202e}txt.exe"],
    ["half a character", "\ud800", "\\u{d800}"],
    ["a command of the runner", "::set-output name=x::y", "\\u{3a}:set-output name=x::y"],
    ["an indented command of the runner", "  ::add-mask::a", "  \\u{3a}:add-mask::a"],
    ["an old command of the runner, anywhere", "/tmp/##[add-path]x", "/tmp/##\\u{5b}add-path]x"],
  ])("spells out %s", (_, text, plain) => {
    expect(plainText(text)).toBe(plain);
  });

  it.each(["/home/dev/プロジェクト", "a::b", "C# [x]", "/tmp/naïve", "👩‍💻"])("leaves %s as it is", (text) => {
    expect(plainText(text)).toBe(text);
  });

  it("keeps the lines of text of several lines", () => {
    expect(plainLines("one\r\ntwo\u0007")).toBe("one\ntwo\\u{7}");
  });
});

describe("plainJson", () => {
  it("has the same value, without anything that a terminal would obey", () => {
    const value = { name: "##[add-path]/tmp \u001b[31m \u009b \u202e \u{e0041} プロ 👩‍💻", list: ["\n"] };
    const json = plainJson(value);
    expect(JSON.parse(json)).toEqual(value);
    expect(json.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(json).not.toContain("##[");
  });
});

describe("columnsOf", () => {
  it.each([
    ["shop", 4],
    ["プロジェクト", 12],
    ["한글", 4],
    ["e\u0301", 1],
    ["👩‍💻", 2],
    ["…", 1],
  ])("counts %s as %i", (text, columns) => {
    expect(columnsOf(text)).toBe(columns);
  });
});

describe("truncate", () => {
  it("cuts a path at its beginning and a list at its end", () => {
    expect(truncate("/home/dev/shop", 8, "start")).toBe("…ev/shop");
    expect(truncate("process 4711 (vitest)", 8, "end")).toBe("process…");
    expect(truncate("shop", 4, "end")).toBe("shop");
  });

  it("never cuts through a wide character", () => {
    expect(truncate("プロジェクト", 8, "start")).toBe("…ェクト");
    expect(columnsOf(truncate("プロジェクト", 8, "start"))).toBe(7);
  });
});
