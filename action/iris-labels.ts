import { DEFAULT_IRIS_PASSWORD, DEFAULT_IRIS_USERNAME } from "../src/iris/image.ts";
import { fingerprint, type Part } from "../src/lifecycle/fingerprint.ts";
import { loginPart } from "../src/lifecycle/login-part.ts";
import type { Acquisition } from "../src/registry/allocation/acquire.ts";
import { containerLabels } from "../src/registry/container-labels.ts";
import type { JobHolder } from "../src/registry/holder.ts";
import { LABEL_FINGERPRINT } from "../src/registry/labels.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";

/** The labels that the library would give the container, so that its tests recognise it and join. */
export async function irisLabels(
  { assignment, generation }: Acquisition,
  holder: JobHolder,
  registryPath: string,
  iris: IrisInputs,
): Promise<Readonly<Record<string, string>>> {
  const mark = await fingerprint(irisParts(iris));
  return {
    ...containerLabels({ assignment, generation, registryPath, creator: holder, lifetime: "holders" }),
    ...(mark === undefined ? {} : { [LABEL_FINGERPRINT]: mark }),
  };
}

/** A test of the library that names the same user and password joins, one with others is refused. */
export function irisParts(iris: IrisInputs): Part[] {
  const { username = DEFAULT_IRIS_USERNAME, password = DEFAULT_IRIS_PASSWORD } = iris;
  return [
    loginPart(username, password),
    { name: "licence key", value: iris.licenseKey ?? "", isDefault: iris.licenseKey === undefined },
    { name: "CPF merge file", value: iris.cpfMerge ?? "", isDefault: iris.cpfMerge === undefined },
    { name: "container options", value: iris.containerOptions, isDefault: iris.containerOptions.length === 0 },
  ];
}
