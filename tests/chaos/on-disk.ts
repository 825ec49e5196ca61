import { expect } from "vitest";
import { IrisPortsError } from "../../src/errors/base.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";

/** Only numbers: nothing is probed, and nothing listens on them. */
export const RANGE = [40_000, 40_099] as const;

/** A registry that waits for no lock for long. */
export function openOnDisk(path: string, isDurable = true): PortRegistry {
  const options = { engine: new FakeEngine(), probe: async () => true, portRange: RANGE, lockTimeoutMs: 300 };
  return new PortRegistry({ registryPath: path, isDurable, ...options });
}

/** The code of our error, or undefined where it worked; any other error fails the test. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    expect(error, String((error as Error).stack)).toBeInstanceOf(IrisPortsError);
    return (error as IrisPortsError).code;
  }
}
