import { expect, test } from "vitest";
import { differingParts, fingerprint } from "../../src/lifecycle/fingerprint.ts";
import { loginPart } from "../../src/lifecycle/login-part.ts";

const password = (value: string, isDefault = false) => ({ name: "password of _system", value, isDefault });

test("an empty configuration has no label", async () => {
  expect(await fingerprint([])).toBeUndefined();
  expect(await fingerprint([password("SYS", true)])).toBeUndefined();
});

test("equal configurations are equal, whatever the salt", async () => {
  const parts = [password("secret"), { name: "command", value: ["a", "b"] }];
  const [one, two] = await Promise.all([fingerprint(parts), fingerprint(parts)]);
  expect(one).not.toBe(two);
  expect(await differingParts(one, parts)).toEqual([]);
  expect(await differingParts(two, parts.toReversed())).toEqual([]);
});

test("differences are named", async () => {
  const label = await fingerprint([password("secret"), { name: "command", value: ["a"] }]);
  expect(await differingParts(label, [password("other"), { name: "command", value: ["a"] }])).toEqual([
    "password of _system",
  ]);
  expect(await differingParts(label, [password("secret"), { name: "command", value: ["b"] }])).toEqual(["command"]);
});

test("a login is noted by one name, and called by another in messages", async () => {
  const label = await fingerprint([loginPart("dev", "secret")]);
  expect(Object.keys(JSON.parse(label ?? ""))).toEqual(["salt", "login as dev"]);
  expect(await differingParts(label, [loginPart("Dev", "other")])).toEqual(["login (user dev)"]);
});

test("a requested part that is missing differs, unless the image has it anyway", async () => {
  expect(await differingParts(undefined, [password("secret")])).toEqual(["password of _system"]);
  expect(await differingParts(undefined, [password("SYS", true)])).toEqual([]);
  const label = await fingerprint([password("secret")]);
  expect(await differingParts(label, [password("SYS", true)])).toEqual(["password of _system"]);
});

test("a part that is not requested is not a difference", async () => {
  expect(await differingParts(await fingerprint([{ name: "command", value: ["a"] }]), [])).toEqual([]);
});

test("a password cannot be read off the label", async () => {
  expect(await fingerprint([password("secret")])).not.toContain("secret");
});

test.each(["", "{", "null", "[]", '"text"', '{"salt":1}'])(
  "a label that is not ours notes nothing: %s",
  async (label) => {
    expect(await differingParts(label, [password("SYS", true)])).toEqual([]);
    expect(await differingParts(label, [password("secret")])).toEqual(["password of _system"]);
  },
);
