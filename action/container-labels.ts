import { DEFAULT_IRIS_PASSWORD, DEFAULT_IRIS_USERNAME } from "../src/iris/image.ts";
import { loginPart } from "../src/iris/login-part.ts";
import type { Acquisition } from "../src/ports/acquire.ts";
import { fingerprint } from "../src/ports/fingerprint.ts";
import { type JobHolder, processText } from "../src/ports/holder.ts";
import {
  LABEL_CREATOR,
  LABEL_CREATOR_PROCESS,
  LABEL_FINGERPRINT,
  LABEL_INSTANCE,
  LABEL_LIFETIME,
  LABEL_PORT,
  LABEL_PROJECT,
  LABEL_REGISTRY,
  LABEL_TENURE,
  LABEL_WEB_PORT,
} from "../src/ports/labels.ts";
import type { IrisInputs } from "./inputs.ts";

/** The labels that the library would give the container, so that its tests recognise it and join. */
export async function containerLabels(
  { assignment, tenure }: Acquisition,
  holder: JobHolder,
  registryPath: string,
  iris: IrisInputs,
): Promise<readonly (readonly [name: string, value: string])[]> {
  const { projectPath, instance, port, webPort } = assignment;
  const labels: readonly (readonly [string, string | undefined])[] = [
    [LABEL_PROJECT, projectPath],
    [LABEL_PORT, String(port)],
    [LABEL_INSTANCE, instance],
    [LABEL_WEB_PORT, webPort === undefined ? undefined : String(webPort)],
    [LABEL_REGISTRY, registryPath],
    [LABEL_LIFETIME, "holders"],
    [LABEL_TENURE, tenure],
    [LABEL_CREATOR, holder.id],
    [LABEL_CREATOR_PROCESS, processText(holder)],
    [LABEL_FINGERPRINT, await loginFingerprint(iris)],
  ];
  return labels.filter((label): label is [string, string] => label[1] !== undefined);
}

/** A test of the library that names the same user and password joins, one with others is refused. */
function loginFingerprint({ username = DEFAULT_IRIS_USERNAME, password = DEFAULT_IRIS_PASSWORD }: IrisInputs) {
  return fingerprint([loginPart(username, password)]);
}
