import { IrisRegistryContainer, type StartedIrisRegistryContainer } from "iris-ports";
import { afterAll, beforeAll, expect, test } from "vitest";

let iris: StartedIrisRegistryContainer;

// The first start also pulls the image.
beforeAll(async () => {
  iris = await new IrisRegistryContainer(process.env.IRIS_IMAGE).withNamespace("SHOP").start();
}, 600_000);

afterAll(async () => {
  await iris?.stop();
});

test("this project has a port of its own, and its namespace is there", async () => {
  expect(await iris.runObjectScript("write $namespace")).toBe("SHOP");
  expect(iris.getConnectionOptions()).toMatchObject({ port: iris.getPort(), ns: "SHOP" });
});
