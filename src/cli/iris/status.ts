import { plainJson } from "../../text/plain-text.ts";
import { addressesOf, endpointOf, type LoginOptions } from "../connection.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { fieldsText } from "../fields.ts";
import { standardOutput } from "../terminal.ts";
import { portalOf } from "./open.ts";
import { findIris, type IrisOptions, openIris } from "./open-iris.ts";

/** `iris-ports status`: whether the project's IRIS runs, and where. Returns the exit code: 1 where it does not run. */
export async function status(
  project: string | undefined,
  options: IrisOptions & LoginOptions & { json?: boolean },
): Promise<number> {
  const open = openIris(options);
  const { assignment, container } = await findIris(open, { ...options, project });
  const isRunning = container?.state === "running";
  const { webPort: _, ...withoutWebPort } = assignment;
  const { uri, jdbcUrl } = addressesOf(withoutWebPort, endpointOf(open.engine, options));
  const portalUrl = isRunning ? await portalOf(open, container.id) : undefined;
  const facts = {
    projectKey: assignment.projectKey,
    state: container?.state ?? "absent",
    container: container?.name,
    image: container?.image,
    uri,
    jdbcUrl,
    portalUrl,
  };
  const terminal = standardOutput();
  const fields: [string, string | undefined][] = [
    ["Project", facts.projectKey],
    ["IRIS", facts.state],
    ["Container", facts.container],
    ["Image", facts.image],
    ["URI", uri],
    ["JDBC", jdbcUrl],
    ["Portal", portalUrl],
  ];
  terminal.write(options.json ? `${plainJson(facts)}\n` : fieldsText(fields, terminal));
  return isRunning ? EXIT_CODES.ok : EXIT_CODES.unexpected;
}
