import { ensureStandin } from "../../scripts/build-standin.ts";
import { ensureEngine } from "../../scripts/ensure-engine.ts";
import { goWithoutRyukWhereItIsMissing } from "../../scripts/ryuk-image.ts";

/** Makes sure that an engine answers and has the stand-in's image; without them these tests fail. */
export default async function setup(): Promise<void> {
  await ensureEngine();
  await ensureStandin();
  await goWithoutRyukWhereItIsMissing();
}
