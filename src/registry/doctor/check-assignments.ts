import { existsSync } from "node:fs";
import type { EngineContainer } from "../../docker/engine.ts";
import { IrisPortsError } from "../../errors/base.ts";
import { commandText, shellQuoted } from "../../settings/command-text.ts";
import type { RegistryDocument } from "../../stores/document.ts";
import { describeOccupant, nameListener, releaseCommand } from "../allocation/assignment-errors.ts";
import { findOccupant } from "../allocation/occupancy.ts";
import { entriesOf } from "../document/edit-document.ts";
import type { PortOccupant } from "../errors.ts";
import type { EngineReport } from "../evidence/engine-report.ts";
import { isCopy, isLabelledFor, isLeftover, ownershipOf } from "../evidence/ownership.ts";
import { isForeignEntry, judge } from "../evidence/staleness.ts";
import { type Survey, withoutDead } from "../evidence/survey.ts";
import { type PortProbe, quietProbe } from "../host/port-probe.ts";
import { LABEL_PORT, LABEL_PROJECT, LABEL_REGISTRY } from "../labels.ts";
import { containerName, type KnownProject } from "../project.ts";
import { count, type Finding, ok, repairCommand, warn } from "./finding.ts";
import { containersWithout, labelledKey } from "./rebuild.ts";

/** The input of the checks of a document's content. */
export type Scene = {
  readonly document: RegistryDocument;
  readonly survey: Survey;
  readonly registryPath: string;
  readonly portRange: readonly [number, number];
  /** Undefined if the ports open on another host. */
  readonly probe: PortProbe | undefined;
  readonly now: Date;
};

/** How many names a line shows. */
const SHOWN_NAMES = 5;

/** Whether the engine answers. The registry works without it, but containers do not. */
export function checkEngine(engine: EngineReport, isLocal: boolean | undefined): Finding {
  if (engine.isReachable) {
    const where = isLocal === false ? "remote: no port is probed here" : "local";
    return ok("engine", `${engine.endpoint} (${where}), ${count(engine.containers.length, "container")}`);
  }
  const { error, reason } = engine;
  const isExplained = error instanceof IrisPortsError;
  const what = isExplained ? error.what : `${reason}.`;
  const remedy = isExplained ? error.remedy : "check that `docker info` answers";
  const needed = `\`${commandText(["up"])}\`, the library and the action's \`image\` need it`;
  return warn("engine", `${what} Ports are assigned without it; ${needed}.`, remedy);
}

/** Finds stale assignments, containers without an assignment, and foreign users of the ports. */
export async function checkAssignments(scene: Scene): Promise<readonly Finding[]> {
  const probe = scene.probe && (quietProbe() ?? scene.probe);
  return [
    await checkStale({ ...scene, probe }),
    ...checkDirectories(scene),
    ...checkContainers(scene),
    ...checkForeignContainers(scene),
    await checkPorts({ ...scene, probe }),
  ];
}

async function checkStale({ document, survey, registryPath, probe, now }: Scene): Promise<Finding> {
  const entries = entriesOf(document);
  const stale: string[] = [];
  for (const entry of entries) {
    const { port, projectKey } = entry.assignment;
    const isUsed = isForeignEntry(entry) && probe !== undefined ? !(await probe(port)) : undefined;
    if (judge(entry, survey, now, isUsed).status === "stale") stale.push(`${port} of ${projectKey}`);
  }
  if (stale.length === 0) return ok("assignments", `${entries.length}, none of them stale`);
  return warn("assignments", `stale: ${few(stale)}`, commandText(["clean"], registryPath));
}

/** Assignments of projects whose directory no longer exists, so that they will not be released from there. */
function checkDirectories({ document, registryPath }: Scene): readonly Finding[] {
  return entriesOf(document)
    .map(({ assignment }) => assignment)
    .filter(({ projectPath }) => !existsSync(projectPath))
    .map(({ projectPath, instance, port }) =>
      warn(
        "assignments",
        `port ${port} is assigned to ${projectPath}, a directory that does not exist`,
        releaseCommand(projectPath, instance, registryPath),
      ),
    );
}

/** Containers that look like a project's own, but are not: their ports count as taken. */
function checkForeignContainers({ document, survey }: Scene): readonly Finding[] {
  if (!survey.engine.isReachable) return [];
  const { containers } = survey.engine;
  return entriesOf(document).flatMap(({ assignment }) =>
    containers
      .filter(({ name, labels, hostPorts }) => {
        const isMeant = labels[LABEL_PROJECT]
          ? isLabelledFor({ labels }, assignment) && !isCopy({ labels, hostPorts })
          : name === assignment.containerName;
        return isMeant || hostPorts.includes(assignment.port);
      })
      .flatMap((container) => {
        const ownership = ownershipOf(container, assignment, { ...survey, document });
        if (ownership.kind !== "foreign") return [];
        const text = `${container.name} looks like the container of ${assignment.projectKey}, but counts as foreign: ${ownership.reason}`;
        return [
          warn("containers", text, `remove it if nothing uses it: docker rm --force ${shellQuoted(container.name)}`),
        ];
      }),
  );
}

/** Containers of this registry without users, and those without an assignment. */
export function checkContainers({ document, survey, registryPath }: Scene): readonly Finding[] {
  if (!survey.engine.isReachable) return [];
  const living = withoutDead(document, survey);
  const orphans = survey.engine.containers.filter((container) =>
    isLeftover(container, { ...survey, document: living }),
  );
  const ours = survey.engine.containers.filter(({ labels }) => labels[LABEL_REGISTRY] === registryPath);
  const copies = ours.filter(isUnnamedCopy);
  const unassigned = containersWithout(document, survey, registryPath).filter((container) => !isUnnamedCopy(container));
  const findings = [
    ...(orphans.length > 0
      ? [
          warn(
            "containers",
            `left behind by holders that are gone: ${few(orphans.map(({ name }) => name))}`,
            commandText(["clean"], registryPath),
          ),
        ]
      : []),
    ...(unassigned.length > 0
      ? [
          warn(
            "containers",
            `without an assignment: ${few(unassigned.map(({ name }) => name))}`,
            repairCommand(registryPath),
          ),
        ]
      : []),
  ];
  const copied = copies.map(({ name }) => name);
  return [
    ...(findings.length > 0
      ? findings
      : [ok("containers", `${ours.length - copies.length} of this registry, none left behind`)]),
    ...(copies.length > 0
      ? [ok("containers", `of no project, made from an image of a project's container (docker commit): ${few(copied)}`)]
      : []),
  ];
}

/** With its project's name, it may be the project's container, whose ports the engine does not list at the moment. */
function isUnnamedCopy(container: EngineContainer): boolean {
  const { name, labels } = container;
  return isCopy(container) && name !== containerName(labelledKey(labels), Number(labels[LABEL_PORT]));
}

async function checkPorts({ document, survey, registryPath, portRange, probe }: Scene): Promise<Finding> {
  const nobody = { projectPath: "", instance: undefined, projectKey: "" };
  const [first, last] = portRange;
  const occupants: PortOccupant[] = [];
  for (let port = first; port <= last; port++) {
    const occupant = await findOccupant(port, { document, survey, probe, asker: nobody });
    if (occupant !== undefined) occupants.push(occupant);
  }
  const containers = survey.engine.isReachable ? survey.engine.containers : [];
  const owners = knownProjects(document);
  const isOwned = (container: EngineContainer) =>
    container.labels[LABEL_REGISTRY] === registryPath ||
    owners.some((owner) => ownershipOf(container, owner, { ...survey, document }).kind === "own");
  const own = new Set(containers.filter(isOwned).map(({ name }) => name));
  const strangers = occupants.filter(
    ({ kind, name }) => kind !== "assignment" && !(kind === "container" && own.has(name)),
  );
  const free = last - first + 1 - occupants.length;
  const assigned = occupants.filter(({ kind }) => kind === "assignment").length;
  const kept = occupants.length - strangers.length - assigned;
  const summary = `${first}-${last}: ${assigned} assigned${kept > 0 ? `, ${kept} kept by containers` : ""}, ${free} free`;
  if (strangers.length === 0) return ok("ports", summary);
  const named = strangers.map(nameListener).map((stranger) => `${stranger.port} by ${describeOccupant(stranger)}`);
  const remedy = "stop them, or choose other ports (IRIS_PORT_RANGE); until then the registry skips these ports";
  return warn("ports", `${summary}, ${strangers.length} used by others: ${few(named)}`, remedy);
}

/** Projects that have or had a port: their containers keep the port for them. */
function knownProjects(document: RegistryDocument): readonly KnownProject[] {
  const past = document.history.map(({ project }) => ({ projectPath: project, projectKey: project }));
  return [...entriesOf(document).map(({ assignment }) => assignment), ...past];
}

function few(names: readonly string[]): string {
  const more = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(", ") + (more > 0 ? `, and ${more} more` : "");
}
