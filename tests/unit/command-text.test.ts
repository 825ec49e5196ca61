import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.unstubAllEnvs());

/** The module as a process has it that was just started. */
async function started({ npmCommand }: { readonly npmCommand: string | undefined }) {
  vi.stubEnv("npm_command", npmCommand);
  vi.resetModules();
  return import("../../src/settings/command-text.ts");
}

test("the library and the action print commands with npx, however they were started", async () => {
  const { commandText } = await started({ npmCommand: undefined });
  expect(commandText(["list"])).toBe("npx iris-ports list");
});

test("the command line prints commands without npx if it was started directly", async () => {
  const { commandText, nameProgramAsStarted } = await started({ npmCommand: undefined });
  nameProgramAsStarted();
  expect(commandText(["release", "/a b"], "/srv/r.json")).toBe("iris-ports release '/a b' --registry /srv/r.json");
});

test.each(["exec", "run-script", "test"])("the command line prints commands with npx in `npm %s`", async (command) => {
  const { commandText, nameProgramAsStarted } = await started({ npmCommand: command });
  nameProgramAsStarted();
  expect(commandText(["list"])).toBe("npx iris-ports list");
});
