import { describe, expect, test } from "vitest";
import { durableDirectory } from "../../src/containers/options/durable-data.ts";
import { bindAddress, checkReachable } from "../../src/containers/options/option-checks.ts";
import { InvalidArgumentError, IrisRegistryContainer } from "../../src/index.ts";

describe("an address to publish on", () => {
  test.each([
    ["localhost", "127.0.0.1"],
    ["192.0.2.7", "192.0.2.7"],
    ["0.0.0.0", "0.0.0.0"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["FE80::1", "fe80::1"],
  ])("%s is noted as %s", (address, noted) => {
    expect(bindAddress(address)).toBe(noted);
  });

  test.each(["", "foo", "LOCALHOST.example", "[::1]", "fe80::1%eth0", "1.2.3", "127.0.0.1:1972", "010.0.0.1"])(
    "%j is none: an engine would take it for all addresses",
    (address) => {
      expect(() => bindAddress(address)).toThrow(InvalidArgumentError);
    },
  );

  test("is of a family in which Testcontainers finds ports", () => {
    const ipv4 = [{ family: 4 }];
    const both = [{ family: 6 }, { family: 4 }];
    expect(() => checkReachable("::1", "localhost", ipv4)).toThrow(/withBindAddress\("::1"\)[\s\S]*no IPv6 address/);
    expect(() => checkReachable("::", "localhost", ipv4)).toThrow(InvalidArgumentError);
    checkReachable("::1", "localhost", both);
    checkReachable("127.0.0.1", "localhost", ipv4);
    checkReachable(undefined, "localhost", ipv4);
  });
});

// Node's own recursive mkdir would not return from /proc.
test.runIf(process.platform === "linux").each([
  ["/proc/iris-ports/data", /ENOENT/],
  ["/dev/null", /it is a file/],
  ["/dev/null/data", /ENOTDIR/],
])("%s is no directory for data, and is refused at once", (path, words) => {
  expect(() => durableDirectory(path)).toThrow(InvalidArgumentError);
  expect(() => durableDirectory(path)).toThrow(words);
});

test("a variable that a method sets cannot be set otherwise, before or after", async () => {
  const other = { ISC_CPF_MERGE_FILE: "/own.cpf" };
  const merge = "[config]\nglobals=0,0,128,0,0,0\n";
  const before = new IrisRegistryContainer("image").withEnvironment(other);
  expect(() => before.withCpfMerge(merge)).toThrow(/sets ISC_CPF_MERGE_FILE to "\/own.cpf", but withCpfMerge\(\)/);
  const after = new IrisRegistryContainer("image").withCpfMerge(merge).withCpfMerge(merge).withEnvironment(other);
  await expect(after.start()).rejects.toThrow(/leave ISC_CPF_MERGE_FILE or withCpfMerge\(\) out/);
  const data = new IrisRegistryContainer("image").withDurableData("volume");
  const moved = data.withEnvironment({ ISC_DATA_DIRECTORY: "/elsewhere" }).start();
  await expect(moved).rejects.toThrow(InvalidArgumentError);
});
