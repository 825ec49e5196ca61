import { test as base } from "@playwright/test";
import { IrisNamespace } from "iris-ports";

// A namespace of its own for every worker of Playwright.
export const test = base.extend({
  iris: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures this one needs
    async ({}, use, { workerIndex }) => {
      const { container, connection } = JSON.parse(process.env.IRIS_RECIPE);
      const namespace = `P${workerIndex}T${Date.now().toString(36).toUpperCase()}`;
      const iris = await IrisNamespace.of(container, { ...connection, namespace });
      await iris.createNamespace(namespace);
      await use(iris);
      await iris.dropNamespace(namespace);
    },
    { scope: "worker" },
  ],
});
