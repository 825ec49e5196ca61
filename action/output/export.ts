import { exportVariable, setOutput, setSecret } from "@actions/core";
import { DEFAULT_IRIS_NAMESPACE, DEFAULT_IRIS_PASSWORD, DEFAULT_IRIS_USERNAME } from "../../src/iris/image.ts";
import { connectionUri } from "../../src/iris/urls.ts";
import type { PortAssignment } from "../../src/registry/assignment.ts";
import { assignmentJson } from "../../src/report/assignment-json.ts";
import type { Inputs } from "../inputs/inputs.ts";
import type { IrisInputs } from "../inputs/iris-inputs.ts";

const SECRET_LINE_LENGTH = 16;
const DEFAULT_NAME = "IRIS_PORT";
/** Set by the action alone: a workflow, or a runner's `.env`, may set any of the other variables. */
const USED_NAME = "IRIS_PORTS_USED";
const IRIS_NAMES = [
  "IRIS_HOST",
  "IRIS_NAMESPACE",
  "IRIS_USERNAME",
  "IRIS_PASSWORD",
  "IRIS_CONTAINER_NAME",
  "IRIS_CONNECTION_URI",
] as const;

/** The host of the job's port, and the registry of its assignment. */
export type Place = { readonly host: string; readonly registryPath: string };

/** Exports the port to later steps, and the assignment to the library in them. */
export function exportAssignment(assignment: PortAssignment, inputs: Inputs, at: Place): void {
  const { host, registryPath } = at;
  const { port, webPort, projectPath, instance = "", containerName } = assignment;
  exportVariable(inputs.envName, String(port));
  if (webPort !== undefined) exportBeside(inputs.envName, { IRIS_WEB_PORT: String(webPort) });
  else clearBeside(inputs.envName, ["IRIS_WEB_PORT"]);
  if (inputs.iris === undefined) clearBeside(inputs.envName, IRIS_NAMES);
  if (inputs.envName === DEFAULT_NAME || isFirstUse()) {
    exportVariable(USED_NAME, "true");
    exportVariable("IRIS_PORTS_PROJECT", projectPath);
    // Empty values override those of an earlier use of the action in this job.
    exportVariable("IRIS_PORTS_INSTANCE", instance);
    exportVariable("IRIS_PORT_REGISTRY", inputs.registryAddress);
    if (inputs.isPortRangeGiven) exportVariable("IRIS_PORT_RANGE", inputs.portRange.join("-"));
  }
  setOutput("port", String(port));
  setOutput("host", host);
  setOutput("project", projectPath);
  setOutput("instance", instance);
  setOutput("container-name", containerName);
  setOutput("web-port", webPort === undefined ? "" : String(webPort));
  // Without the password, because the runner drops job outputs that contain a masked value.
  setOutput("registry-path", registryPath);
  setOutput("assignment", JSON.stringify(assignmentJson(assignment)));
}

type IrisUse = Pick<Inputs, "envName"> & { readonly iris: IrisInputs };

/** Exports how to log in. */
export function exportIris({ port, containerName }: PortAssignment, { envName, iris }: IrisUse, host: string): void {
  const username = iris.username ?? DEFAULT_IRIS_USERNAME;
  const password = iris.password ?? DEFAULT_IRIS_PASSWORD;
  const namespace = iris.namespace ?? DEFAULT_IRIS_NAMESPACE;
  const uri = connectionUri({ host, port, namespace, username, password });
  const variables: Record<(typeof IRIS_NAMES)[number], string> = {
    IRIS_HOST: host,
    IRIS_NAMESPACE: namespace,
    IRIS_USERNAME: username,
    IRIS_PASSWORD: password,
    IRIS_CONTAINER_NAME: containerName,
    IRIS_CONNECTION_URI: uri,
  };
  exportBeside(envName, variables);
  setOutput("username", username);
  setOutput("namespace", namespace);
  setOutput("connection-uri", uri);
}

/** A second use in one job must not put its host or password beside the first one's port. */
function exportBeside(envName: string, variables: Readonly<Record<string, string>>): void {
  const hasPrefix = envName.endsWith(DEFAULT_NAME);
  if (!hasPrefix && !isFirstUse()) return;
  for (const [name, value] of Object.entries(variables)) exportVariable(`${prefixOf(envName)}${name}`, value);
}

/** A second use that takes over the name of the port must not leave the first one's password or URI beside its own port. */
function clearBeside(envName: string, names: readonly string[]): void {
  if (!envName.endsWith(DEFAULT_NAME) || isFirstUse()) return;
  const exported = names.map((name) => `${prefixOf(envName)}${name}`);
  // Only an earlier use sets the last of them; a workflow may set the others itself.
  if (!process.env[exported.at(-1) as string]) return;
  for (const name of exported) exportVariable(name, "");
}

/** `ORDERS_` of `ORDERS_IRIS_PORT`. */
function prefixOf(envName: string): string {
  return envName.endsWith(DEFAULT_NAME) ? envName.slice(0, -DEFAULT_NAME.length) : "";
}

/** Has the runner hide every secret in the log of the whole job, in every form in which it is handed on. */
export function maskSecrets({ redis, iris }: Inputs): void {
  // Later steps show the URL as it is written, which may escape more or fewer characters than encodeURIComponent().
  maskPassword(redis?.password, redis?.writtenPassword);
  if (iris !== undefined) maskIris(iris);
}

/** @param written - the password as it is written in a URL, if it comes from one */
function maskPassword(password: string | undefined, written?: string): void {
  if (password === undefined) return;
  for (const form of new Set([password, encodeURIComponent(password), written ?? password])) setSecret(form);
}

function maskIris({ password, licenseKey }: IrisInputs): void {
  // Short lines of a key, such as its section's name, are not secret and may occur anywhere.
  const lines = licenseKey?.split(/\r?\n/).filter((line) => line.length >= SECRET_LINE_LENGTH) ?? [];
  for (const line of lines) setSecret(line);
  // The well-known default password is not a secret, and masking "SYS" would garble every log line with %SYS.
  if (password === DEFAULT_IRIS_PASSWORD) return;
  maskPassword(password);
}

/** True if no earlier use has exported its assignment as the job's. Exports take effect in this step as well. */
export function isFirstUse(): boolean {
  return !process.env[USED_NAME];
}
