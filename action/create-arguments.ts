import { IRIS_WEB_PORT } from "../src/iris/ports.ts";
import type { Acquisition } from "../src/registry/allocation/acquire.ts";
import type { JobHolder } from "../src/registry/holder.ts";
import type { ContainerEnv } from "./container-env.ts";
import type { IrisInputs } from "./inputs/iris-inputs.ts";
import { irisLabels } from "./iris-labels.ts";

/** Whose container is made, of what, and where it is bound. */
export type Creation = {
  readonly acquisition: Acquisition;
  readonly holder: JobHolder;
  readonly registryPath: string;
  readonly iris: IrisInputs;
  readonly environment: ContainerEnv;
  /** Undefined: every address of the engine's host. */
  readonly bindAddress: string | undefined;
};

/** The arguments of `docker create`, and the same for the log: without labels, and with environment by name only. */
export async function createArguments(creation: Creation): Promise<{ args: readonly string[]; shown: string }> {
  const labels = await irisLabels(creation.acquisition, creation.holder, creation.registryPath, creation.iris);
  const names = Object.keys(creation.iris.containerEnv).flatMap((name) => ["--env", name]);
  return {
    args: argumentsOf(creation, labels, creation.environment.args),
    shown: argumentsOf(creation, {}, names).join(" "),
  };
}

function argumentsOf(
  { acquisition, iris, bindAddress }: Creation,
  labels: Readonly<Record<string, string>>,
  environment: readonly string[],
): readonly string[] {
  const { port, webPort, containerName } = acquisition.assignment;
  const address = bindAddress === undefined ? "" : `${bindAddress}:`;
  const published = [[port, iris.containerPort], ...(webPort === undefined ? [] : [[webPort, IRIS_WEB_PORT]])];
  return [
    "create",
    ...iris.containerOptions,
    ...["--name", containerName],
    ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...published.flatMap(([host, container]) => ["--publish", `${address}${host}:${container}`]),
    ...environment,
    iris.image,
  ];
}
