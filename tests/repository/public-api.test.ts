import { expect, test } from "vitest";
import { publicApi } from "../helpers/public-api.ts";

/** What most users write first. */
const MOST_USED = [
  "IrisRegistryContainer",
  "RegistryContainer",
  "RegistryContainer.withInstance",
  "RegistryContainer.withReuse",
  "StartedIrisRegistryContainer.getConnectionUri",
  "StartedIrisRegistryContainer.runObjectScript",
  "StartedIrisRegistryContainer.runSql",
  "PortRegistry",
  "PortRegistry.assignPort",
  "PortRegistry.releasePort",
  "PortRegistry.listAll",
  "IrisPortsError",
  "memoryCapCpf",
];

const api = publicApi();

test("every public symbol is documented", () => {
  expect(api.length).toBeGreaterThan(150);
  expect(api.filter(({ text }) => text === "").map(({ name }) => name)).toEqual([]);
});

test.each(MOST_USED)("%s has an example", (name) => {
  expect(api.find((symbol) => symbol.name === name)?.examples).not.toEqual([]);
});
