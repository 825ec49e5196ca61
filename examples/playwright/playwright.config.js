import { defineConfig } from "@playwright/test";

export default defineConfig({
  globalSetup: "./global-setup.js",
  timeout: 60_000,
  workers: 2,
  reporter: "list",
});
