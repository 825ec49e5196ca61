import fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IrisPortsError } from "../../src/errors/base.ts";
import { PortRegistry } from "../../src/registry/registry.ts";
import { serializeDocument } from "../../src/stores/document.ts";
import { DocumentError, NewerSchemaError } from "../../src/stores/document-error.ts";
import { parseDocument } from "../../src/stores/parse-document.ts";
import { FakeEngine } from "../helpers/fake-engine.ts";
import { anyText } from "./document-arbitraries.ts";
import { repetitions, report, SEED } from "./figures.ts";
import { memoryDirectory } from "./memory-directory.ts";
import { expectCleanPrototypes } from "./prototypes.ts";

console.log(`fuzz of documents: CHAOS_SEED=${SEED}`);

/** What the text says, or undefined where it is refused as it should be. */
function parsed(source: string): ReturnType<typeof parseDocument> | undefined {
  try {
    return parseDocument(source);
  } catch (error) {
    if (error instanceof DocumentError || error instanceof NewerSchemaError) return undefined;
    throw error;
  }
}

describe("E4: any bytes as a document", () => {
  test("are refused, or survive being written and read again", { timeout: 600_000 }, async () => {
    const numRuns = repetitions(12_000, 300_000);
    let accepted = 0;
    fc.assert(
      fc.property(anyText, (source) => {
        const first = parsed(source);
        expectCleanPrototypes();
        if (first === undefined) return;
        accepted++;
        const token = { revision: 7, commit: "abc" };
        const again = parseDocument(serializeDocument(first.document, token).toString());
        expect(again).toEqual({ document: first.document, token });
      }),
      { seed: SEED, numRuns },
    );
    report("fuzz: documents", { operations: numRuns, accepted, violations: 0 });
    expect(accepted).toBeGreaterThan(numRuns / 10);
  });

  test("make every operation work, or fail with one of our errors and the bytes kept", {
    timeout: 600_000,
  }, async () => {
    const directory = memoryDirectory();
    const numRuns = repetitions(500, 20_000);
    let cases = 0;
    let worked = 0;
    // Half a document may be whole a moment later: refusing one takes a quarter of a second.
    // So is one minute of waiting for a holder that is just leaving.
    const source = anyText
      .filter((candidate) => parsed(candidate) !== undefined || cases % 40 === 0)
      .filter((candidate) => !candidate.includes('"leaving"'));
    await fc.assert(
      fc.asyncProperty(source, async (document) => {
        const path = join(directory, String(cases++), "port-registry.json");
        fs.mkdirSync(join(path, ".."));
        fs.writeFileSync(path, document);
        const before = fs.readFileSync(path);
        const codes = await operateOn(path);
        expectCleanPrototypes();
        if (codes.every((code) => code === undefined || !code.startsWith("REGISTRY"))) {
          worked++;
          expect(unknownOf(fs.readFileSync(path, "utf8"))).toEqual(unknownOf(before.toString()));
        } else expect(fs.readFileSync(path).equals(before)).toBe(true);
        fs.rmSync(join(path, ".."), { recursive: true });
      }),
      { seed: SEED, numRuns },
    );
    report("fuzz: registries", { operations: numRuns * 8, worked, violations: 0 });
    expect(worked).toBeGreaterThan(numRuns / 10);
  });
});

/** The codes of what failed. */
async function operateOn(path: string): Promise<(string | undefined)[]> {
  const registry = new PortRegistry({
    registryPath: path,
    portRange: [40_000, 40_009],
    engine: new FakeEngine(),
    probe: async () => true,
    isDurable: false,
  });
  const operations = [
    () => registry.listAll(),
    () => registry.getAssignment("/a"),
    () => registry.inspect("/c", { instance: "one" }),
    () => registry.assignPort("/a"),
    () => registry.assignPort("/new", { preferredPort: 40_003 }),
    () => registry.releasePort("/b"),
    () => registry.cleanupStale(),
    () => registry.listAll(),
  ];
  const codes: (string | undefined)[] = [];
  for (const operation of operations) {
    try {
      await operation();
      codes.push(undefined);
    } catch (error) {
      if (!(error instanceof IrisPortsError)) throw error;
      codes.push(error.code);
      // The others would only take their quarter of a second, too.
      if (error.code.startsWith("REGISTRY")) return codes;
    }
  }
  return codes;
}

/** What is not ours in a document, which nobody may lose. */
function unknownOf(source: string): unknown {
  return parseDocument(source).document.unknown;
}
