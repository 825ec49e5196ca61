import type {} from "iris-ports/vitest";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: "iris-ports/vitest/setup",
    // An image of your own, and who gets a namespace: "worker", "file" or "test".
    provide: { irisOptions: { image: process.env["IRIS_IMAGE"] ?? "", namespacePer: "worker" } },
    // Making a namespace takes IRIS some seconds.
    testTimeout: 60_000,
    maxWorkers: 2,
  },
});
