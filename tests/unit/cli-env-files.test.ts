import { parseEnv } from "node:util";
import { parse } from "jsonc-parser";
import { describe, expect, test } from "vitest";
import { assignedNames } from "../../src/cli/env/assigned-names.ts";
import { editFile } from "../../src/cli/env/edit-file.ts";
import { dotenvLines, shellLines, tomlLines } from "../../src/cli/env/formats.ts";
import { type BlockOptions, withBlock } from "../../src/cli/env/marked-block.ts";
import { linesOf } from "../../src/cli/env/text-file.ts";
import { variablesOf } from "../../src/cli/env/variables.ts";
import { withSettings as editSettings, vscodeSettings } from "../../src/cli/env/vscode-settings.ts";
import type { PortAssignment } from "../../src/registry/assignment.ts";

const assignment: PortAssignment = {
  projectPath: "/home/dev/It's a Shop",
  projectKey: "/home/dev/It's a Shop",
  port: 1975,
  webPort: 52776,
  assignedAt: new Date(0),
  assignmentType: "auto",
  status: "active",
  containerName: "iris_0a1b2c3d_1975",
};
const endpoint = { host: "127.0.0.1", namespace: "USER", username: "_SYSTEM" };

describe("L8: a file with an unclosed quotation mark", () => {
  const editOf = (text: string, format: "dotenv" | "shell", projectPath: string) => {
    const file = { path: "/home/dev/.env", text, stat: undefined };
    return () => editFile(file, format, { ...assignment, projectPath }, endpoint, {}).text;
  };

  test.each([
    ["A='tis\n", "dotenv", "/home/dev/a shop"],
    ["A=1\r\nB=`x\r\n", "dotenv", "/home/dev/shop"],
    ["export A='tis\n", "shell", "/home/dev/shop"],
  ] as const)("is refused where a mark of ours would close it: %j", (text, format, project) => {
    expect(editOf(text, format, project)).toThrow(
      /an unclosed quotation mark in the value of [AB], so the lines of iris-ports/,
    );
  });

  test.each([
    ["A='tis\n", "dotenv", "/home/dev/shop"],
    ["A=it's\nB='a\nb'\n", "dotenv", "/home/dev/a shop"],
  ] as const)("is written where none would: %j", (text, format, project) => {
    const written = editOf(text, format, project)();
    expect(written.startsWith(text)).toBe(true);
    expect(parseEnv(written)).toMatchObject({ A: parseEnv(text)["A"], IRIS_PORT: "1975" });
  });
});

describe("L8: the marked block", () => {
  const options: BlockOptions = {
    place: "end",
    isForced: false,
    settingsIn: (lines) => assignedNames(lines, "dotenv").map((name) => (name === "IRIS_PORT" ? name : undefined)),
  };
  const edited = (text: string, lines: readonly string[], more: Partial<BlockOptions> = {}) => {
    const edit = withBlock(text, lines, { ...options, ...more });
    return edit.kind === "edited" ? edit.text : expect.fail(`conflict: ${edit.names}`);
  };
  const block = (line: string, eol = "\n") => edited("", [line]).replaceAll("\n", eol);

  test.each([
    ["", ""],
    ["A=1\n", "A=1\n"],
    ["A=1", "A=1\n"],
    ["# only a comment\n\n", "# only a comment\n\n"],
    ["A=1\r\nB=2\r\n", "A=1\r\nB=2\r\n"],
    ["A=1\r\nB=2", "A=1\r\nB=2\r\n"],
  ])("comes behind %j, whose bytes stay", (before, kept) => {
    const eol = before.includes("\r\n") ? "\r\n" : "\n";
    expect(edited(before, ["IRIS_PORT=1"])).toBe(kept + block("IRIS_PORT=1", eol));
  });

  test("is replaced in place, and never added twice", () => {
    const once = `A=1\n${block("IRIS_PORT=1")}B=2\n`;
    const twice = edited(once, ["IRIS_PORT=2"]);
    expect(twice).toBe(`A=1\n${block("IRIS_PORT=2")}B=2\n`);
    expect(edited(twice, ["IRIS_PORT=2"])).toBe(twice);
  });

  test("leaves line ends of both kinds alone", () => {
    expect(edited("A=1\nB=2\r\nC=3\n", ["IRIS_PORT=1"])).toBe(`A=1\nB=2\r\nC=3\n${block("IRIS_PORT=1")}`);
  });

  test("is not written if a name of ours is set outside it, unless forced: then that line becomes a comment", () => {
    const text = "IRIS_PORT=1972\r\nB=2\r\n";
    expect(withBlock(text, ["IRIS_PORT=1"], options)).toEqual({ kind: "conflict", names: ["IRIS_PORT"] });
    const forced = edited(text, ["IRIS_PORT=1"], { isForced: true });
    expect(forced).toBe(`# IRIS_PORT=1972\r\nB=2\r\n${block("IRIS_PORT=1", "\r\n")}`);
  });

  test("comes before the tables of a file, after a byte order mark", () => {
    const start = { place: "start" } as const;
    expect(edited("[table]\na = 1\n", ["port = 1"], start)).toBe(`${block("port = 1")}[table]\na = 1\n`);
    expect(edited("\ufeff[table]\n", ["port = 1"], start)).toBe(`\ufeff${block("port = 1")}[table]\n`);
  });

  test("has the line ends of a file whose lines end with a carriage return", () => {
    const once = edited("A=1\rB=2", ["IRIS_PORT=1"]);
    expect(once).toBe(`A=1\rB=2\r${block("IRIS_PORT=1", "\r")}`);
    expect(edited(once, ["IRIS_PORT=2"])).toBe(`A=1\rB=2\r${block("IRIS_PORT=2", "\r")}`);
    expect(edited("\ufeffIRIS_PORT=1972\rB=2\r", ["IRIS_PORT=1"], { isForced: true })).toMatch(
      /^\ufeff# IRIS_PORT=1972\rB=2\r/,
    );
  });

  test.each(["start", "end"] as const)(
    "at the %s never takes lines beside a first or last line that was left alone",
    (place) => {
      const [begin = "", , end = ""] = linesOf(block("IRIS_PORT=1"));
      for (const stray of [`${begin}A=1\n`, `${end}A=1\n`, `A=1\n${begin}`, `A=1\n${end}`, `${end}A=1\n${begin}`]) {
        const once = edited(stray, ["IRIS_PORT=1"], { place });
        expect(once).toBe(place === "end" ? stray + block("IRIS_PORT=1") : block("IRIS_PORT=1") + stray);
        expect(edited(once, ["IRIS_PORT=2"], { place })).toBe(once.replace("IRIS_PORT=1", "IRIS_PORT=2"));
      }
    },
  );

  test("is found again after a byte order mark", () => {
    const once = edited("\ufeff", ["IRIS_PORT=1"]);
    expect(edited(once, ["IRIS_PORT=2"])).toBe(`\ufeff${block("IRIS_PORT=2")}`);
  });
});

describe("the names that lines set", () => {
  test.each([
    ["dotenv", 'A="1\nB=2\n"\nC=3\n', ["A", "A", "A", "C"]],
    ["dotenv", "A='it\\'s\nB=2'\nC=3", ["A", "A", "C"]],
    ["dotenv", "export A = `1\nB=2`\n\n# C=3\n", ["A", "A", undefined, undefined]],
    ["dotenv", 'A="never closed\nB=2\n', ["A", "B"]],
    ["dotenv", "A=it's\nB=it's\n", ["A", "B"]],
    ["dotenv", 'A="1\rB=2"\rC=3\r', ["A", "A", "C"]],
    ["shell", "export A='C:\\'\nexport B='2'\n", ["A", "B"]],
    ["shell", "A=x\"1\nB=2\"'3\n4'\nC=5\n", ["A", "A", "A", "C"]],
    ["shell", 'A=1; echo "\nexport B=2 C=3\n', ["A", "B"]],
    ["toml", 'a = 1\n"b" = """\nport = 1\n"""\n[table]\nc = 1\n', ["a", "b", "b", "b", undefined, undefined]],
    ["toml", "a = '''\n[x]'''\nport = 1\n", ["a", "a", "port"]],
  ] as const)("of a %s file with %j", (format, text, names) => {
    expect(assignedNames(linesOf(text), format)).toEqual(names);
  });

  test("are found in a time that grows with the number of lines, not with its square", { timeout: 5_000 }, () => {
    const lines = Array.from({ length: 80_000 }, (_, index) => `NAME_${index}="value\nof two lines"\n`);
    expect(assignedNames(linesOf(lines.join("")), "dotenv").at(-1)).toBe("NAME_79999");
  });
});

describe("the formats", () => {
  test("quote values that the reader would split", () => {
    const variables = { PLAIN: "/a/b-c.d", SPACE: "a b", QUOTE: "it's", MONEY: `$"\`x` };
    expect(shellLines(variables)).toEqual([
      "export PLAIN='/a/b-c.d'",
      "export SPACE='a b'",
      "export QUOTE='it'\\''s'",
      `export MONEY='$"\`x'`,
    ]);
    expect(dotenvLines(variables)).toEqual(["PLAIN=/a/b-c.d", "SPACE='a b'", `QUOTE="it's"`, `MONEY='$"\`x'`]);
    expect(dotenvLines({ BOTH: `it's $5` })).toEqual([`BOTH="it's \\$5"`]);
    expect(tomlLines(assignment, endpoint)).toEqual([
      'host = "127.0.0.1"',
      "web_port = 52776",
      'namespace = "USER"',
      'username = "_SYSTEM"',
    ]);
  });

  test("name the compose project by directory, instance and the whole path", () => {
    const nameOf = (more: Partial<PortAssignment>) =>
      variablesOf({ ...assignment, ...more }, endpoint)["COMPOSE_PROJECT_NAME"];
    const name = nameOf({});
    expect(name).toMatch(/^it-s-a-shop-[0-9a-f]{8}$/);
    expect(nameOf({ projectKey: "/other/It's a Shop", projectPath: "/other/It's a Shop" })).not.toBe(name);
    expect(nameOf({ instance: "Two", projectKey: `${assignment.projectKey}#Two` })).toMatch(/^it-s-a-shop-two-/);
    expect(nameOf({ projectPath: "/", projectKey: "/" })).toMatch(/^iris-[0-9a-f]{8}$/);
    expect(nameOf({ projectPath: `/${"long".repeat(60)}`, instance: "two" })).toMatch(/^(long){10}-[0-9a-f]{8}$/);
  });
});

describe("VS Code's settings", () => {
  const settings = (given = {}) => vscodeSettings(assignment, endpoint, given);
  const withSettings = (...args: Parameters<typeof editSettings>) => editSettings(...args).text;

  /** The keys that the two extensions define, and what they demand. */
  test("are what the extensions' schemas allow", () => {
    const value = parse(withSettings("settings.json", "", settings()));
    expect(Object.keys(value)).toEqual(["objectscript.conn", "intersystems.servers"]);
    const { active, host, port, ns, username, ...unknownOfConn } = value["objectscript.conn"];
    expect({ active, host, port, ns, username }).toEqual({ ...expectedConn, port: 52776 });
    expect(unknownOfConn).toEqual({});
    const [[name, server]] = Object.entries(value["intersystems.servers"]) as [[string, Record<string, unknown>]];
    expect(name).toMatch(/^[a-z0-9-_~]+$/);
    expect(server).toEqual({
      webServer: { scheme: "http", host: "127.0.0.1", port: 52776 },
      superServer: { port: 1975 },
      username: "_SYSTEM",
    });
  });

  test("change only their own keys, and keep comments, order and indentation", () => {
    const text = `// mine
{
    "editor.tabSize": 4, // four
    /* the server */
    "objectscript.conn": { "active": false, "ns": "SHOP", "links": { "Docs": "https://example.org" }, "port": 1 },
}
`;
    const edited = withSettings("settings.json", text, settings());
    expect(edited).toContain('// mine\n{\n    "editor.tabSize": 4, // four\n    /* the server */\n');
    expect(parse(edited, [], { allowTrailingComma: true })).toMatchObject({
      "editor.tabSize": 4,
      "objectscript.conn": {
        active: false,
        ns: "SHOP",
        port: 52776,
        host: "127.0.0.1",
        links: { Docs: "https://example.org" },
      },
    });
    expect(withSettings("settings.json", edited, settings())).toBe(edited);
  });

  test("replace namespace and user only if they were given", () => {
    const text = '{"objectscript.conn": {"ns": "SHOP", "username": "dev"}}';
    const kept = parse(withSettings("settings.json", text, settings()));
    expect(kept["objectscript.conn"]).toMatchObject({ ns: "SHOP", username: "dev" });
    const given = parse(withSettings("settings.json", text, settings({ namespace: "USER", username: "_SYSTEM" })));
    expect(given["objectscript.conn"]).toMatchObject({ ns: "USER", username: "_SYSTEM" });
  });

  test("are below `settings` in a workspace file", () => {
    const text = '{"folders": [{"path": "."}], "settings": {"objectscript.conn": {"ns": "SHOP"}}}';
    const edited = withSettings("shop.code-workspace", text, settings());
    const { folders, settings: within, ...others } = parse(edited);
    expect(folders).toEqual([{ path: "." }]);
    expect(within["objectscript.conn"]).toMatchObject({ ns: "SHOP", port: 52776 });
    expect(Object.keys(within)).toContain("intersystems.servers");
    expect(others).toEqual({});
    expect(withSettings("shop.code-workspace", edited, settings())).toBe(edited);
    const byServer = '{"settings": {"objectscript.conn": {"server": "prod"}}}';
    expect(editSettings("shop.code-workspace", byServer, settings()).note).toContain("its server makes");
  });

  test("are not written into a file that is nested too deeply", () => {
    expect(() => withSettings("settings.json", "[".repeat(20_000), settings())).toThrow(/is nested too deeply/);
  });

  test.each(["// mine\n", "/* mine */", "\ufeff// mine\r\n\r\n", "// mine\r"])(
    "are written after the comments of %j, which has no object yet",
    (text) => {
      const edited = withSettings("settings.json", text, settings());
      expect(edited.slice(0, text.trimEnd().length)).toBe(text.trimEnd());
      expect(parse(edited.slice(edited.indexOf("{")), [])["objectscript.conn"]).toMatchObject({ port: 52776 });
      expect(withSettings("settings.json", edited, settings())).toBe(edited);
    },
  );

  test.each([
    ["server", '"prod"'],
    ["docker-compose", '{ "service": "iris" }'],
  ])("leave a connection alone whose %s makes the extension ignore host and port", (key, value) => {
    const text = `{ "objectscript.conn": { "${key}": ${value}, "port": 1 } }`;
    const { text: edited, note } = editSettings("settings.json", text, settings());
    expect(parse(edited)["objectscript.conn"]).toEqual(parse(text)["objectscript.conn"]);
    expect(parse(edited)["intersystems.servers"]).toMatchObject({ "it-s-a-shop": { webServer: { port: 52776 } } });
    expect(note).toMatch(new RegExp(`its ${key} makes the extension ignore`));
  });

  test("keep the byte order mark of the file", () => {
    const edited = withSettings("settings.json", '\ufeff{\n  "a": 1\n}\n', settings());
    expect(edited).toMatch(/^\ufeff\{\n {2}"a": 1,\n {2}"objectscript\.conn": \{\n/);
    expect(withSettings("settings.json", edited, settings())).toBe(edited);
  });

  test("keep the line ends of the file", () => {
    const edited = withSettings("settings.json", '{\r\n\t"a": 1\r\n}\r\n', settings());
    expect(edited).toMatch(/^\{\r\n\t"a": 1,\r\n\t"objectscript.conn": \{\r\n\t\t"active": true,\r\n/);
    expect(edited.replaceAll("\r\n", "")).not.toContain("\n");
  });

  test.each([
    ['{\n  "a": 1,\n  "b"\n}', /ColonExpected in line 4, column 1/],
    ["[]", /is not an object/],
    ['"text"', /is not an object/],
    ["{", /CloseBraceExpected in line 1, column 2/],
    ['{"objectscript.conn": null}', /something other than an object in objectscript\.conn\./],
    ['{"objectscript.conn": [1]}', /something other than an object in objectscript\.conn\./],
    ['{"intersystems.servers": "x"}', /something other than an object in intersystems\.servers\./],
    [
      '{"intersystems.servers": {"it-s-a-shop": {"webServer": 7}}}',
      /in intersystems\.servers > it-s-a-shop > webServer\./,
    ],
    ['{"objectscript.conn": {"port": 1}, "objectscript.conn": {"port": 2}}', /a key of objectscript\.conn > .* twice/],
  ])("are not written into %j, which says where it is wrong", (text, words) => {
    expect(() => withSettings("settings.json", text, settings())).toThrow(words);
  });
});

const expectedConn = { active: true, host: "127.0.0.1", ns: "USER", username: "_SYSTEM" };
