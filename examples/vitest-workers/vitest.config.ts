import type {} from "iris-ports/vitest";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "iris-ports/vitest/setup",
    // The image, "" for the default; and whether each "worker", "file" or "test" gets a namespace.
    provide: { irisOptions: { image: process.env["IRIS_IMAGE"] ?? "", namespacePer: "worker" } },
    // IRIS takes several seconds to create a namespace.
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
