import { after, before } from "node:test";
import { IrisRegistryContainer } from "iris-ports";

/** For the tests of a file: the project's IRIS, which files that run at the same time share, in a namespace of its own. */
export function useIris(namespace) {
  let iris;
  before(
    async () => {
      iris = await new IrisRegistryContainer(process.env.IRIS_IMAGE).withNamespace(namespace).start();
    },
    { timeout: 300_000 },
  );
  after(async () => {
    await iris?.dropNamespace(namespace);
    await iris?.stop();
  });
  return () => iris;
}
