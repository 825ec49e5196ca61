import { assignmentJson } from "../../report/assignment-json.ts";
import { formatAge } from "../../text/age.ts";
import { plainJson } from "../../text/plain-text.ts";
import { addressesOf, endpointOf, type LoginOptions } from "../connection.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { fieldsText } from "../fields.ts";
import { standardOutput } from "../terminal.ts";
import { irisState } from "./iris-state.ts";
import { portalOf } from "./open.ts";
import { findIris, type IrisOptions, openIris } from "./open-iris.ts";

/**
 * `iris-ports status`: whether the project's IRIS runs and accepts sessions, and its addresses. Returns the exit code: 1
 * if it does not.
 */
export async function status(
  project: string | undefined,
  options: IrisOptions & LoginOptions & { json?: boolean },
): Promise<number> {
  const open = openIris(options);
  const found = await findIris(open, { ...options, project });
  const { assignment, container } = found;
  const { webPort: _, ...withoutWebPort } = assignment;
  const { uri, jdbcUrl } = addressesOf(withoutWebPort, endpointOf(open.engine, options));
  const portalUrl = container?.state === "running" ? await portalOf(open, container.id) : undefined;
  const { state, startedAt, reason, remedy } = await irisState(open, found);
  const terminal = standardOutput();
  if (options.json) {
    // The container may have been renamed, or be one of docker compose.
    const { name: containerName = assignment.containerName, image } = container ?? {};
    const facts = { ...assignmentJson({ ...assignment, containerName }), uri, jdbcUrl, portalUrl };
    terminal.write(`${plainJson({ ...facts, state, startedAt: startedAt?.toISOString(), reason, remedy, image })}\n`);
  } else {
    const isReady = state === "running" || startedAt === undefined;
    const fields: [string, string | undefined][] = [
      ["Project", assignment.projectKey],
      ["IRIS", isReady ? state : `${state} (container started ${formatAge(startedAt, new Date())} ago)`],
      ["Reason", reason],
      ["To fix", remedy],
      ["Container", container?.name],
      ["Image", container?.image],
      ["URI", uri],
      ["JDBC", jdbcUrl],
      ["Portal", portalUrl],
    ];
    terminal.write(fieldsText(fields, terminal));
  }
  return state === "running" ? EXIT_CODES.ok : EXIT_CODES.unexpected;
}
