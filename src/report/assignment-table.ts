import type { AssignmentStatus, ListedAssignment } from "../registry/assignment.ts";
import { describeHolder } from "../registry/evidence/staleness.ts";
import { environment } from "../settings/config.ts";
import { formatAge } from "../text/age.ts";
import { plainText } from "../text/plain-text.ts";
import { type Cell, type Column, renderTable, type Style } from "../text/table.ts";
import type { Terminal } from "../text/terminal.ts";

const COLUMNS: readonly Column[] = [
  { heading: "Project", cut: "start" },
  { heading: "Port" },
  { heading: "Type" },
  { heading: "Status" },
  { heading: "Container", cut: "end" },
  { heading: "Held by", cut: "end" },
  { heading: "Age", align: "right" },
];

const STYLE_OF_STATUS = { active: "good", stale: "warning", released: "faint" } as const satisfies Record<
  AssignmentStatus,
  Style
>;

/** The assignments as people like to see them, by port. */
export function assignmentTable(assignments: readonly ListedAssignment[], terminal: Terminal, now: Date): string {
  const rows = [...assignments]
    .sort((a, b) => a.port - b.port)
    .map((assignment): Cell[] => [
      { text: projectText(assignment.projectKey, terminal) },
      { text: portText(assignment), style: "strong" },
      { text: assignment.assignmentType },
      { text: assignment.status, style: STYLE_OF_STATUS[assignment.status] },
      { text: plainText(containerText(assignment)) },
      { text: plainText(holderText(assignment)) },
      { text: formatAge(assignment.assignedAt, now) },
    ]);
  return renderTable(COLUMNS, rows, terminal);
}

/** A project as shown: in a terminal the home directory is `~`, elsewhere paths stay what programs need. */
export function projectText(projectKey: string, terminal: Terminal): string {
  const { home } = environment();
  if (home === undefined) return plainText(projectKey);
  const isBelowHome = projectKey === home || ["/", "\\", "#"].some((next) => projectKey.startsWith(home + next));
  return plainText(terminal.isInteractive && isBelowHome ? `~${projectKey.slice(home.length)}` : projectKey);
}

function portText({ port, webPort }: ListedAssignment): string {
  return webPort === undefined ? String(port) : `${port}, web ${webPort}`;
}

/** Who is gone holds nothing any more, and stays in the document until the next assignment: they come last, and marked. */
function holderText({ holders, evidence }: ListedAssignment): string {
  // One for each, in the same order.
  const verdicts = evidence.filter(({ kind }) => kind === "holder").map(({ verdict }) => verdict);
  const isGone = (_: unknown, index: number) => verdicts[index] === "gone";
  const present = holders.filter((holder, index) => !isGone(holder, index)).map(describeHolder);
  // In front, where a narrow terminal cuts nothing off.
  const gone = holders.filter(isGone).map((holder) => `gone: ${describeHolder(holder)}`);
  return [...present, ...gone].join(", ") || "-";
}

/** The containers the engine has of it; the name it would have, where the engine could not be asked. */
function containerText({ evidence, containerName }: ListedAssignment): string {
  const seen = evidence.filter(({ kind, verdict }) => kind === "container" && verdict === "alive");
  if (seen.length > 0) return seen.map(({ text }) => text.replace(/^container /, "")).join(", ");
  return evidence.some(({ kind }) => kind === "engine") ? `${containerName} (?)` : "-";
}
