import type { AssignmentStatus, ListedAssignment } from "../registry/assignment.ts";
import { describeHolder } from "../registry/evidence/staleness.ts";
import { environment } from "../settings/config.ts";
import { formatAge } from "../text/age.ts";
import { plainText } from "../text/plain-text.ts";
import { type Cell, type Column, renderTable, type Style } from "../text/table.ts";
import type { Terminal } from "../text/terminal.ts";

/** The additional content of a wide table. */
export type TableOptions = {
  /** Also the web port, the image and every holder. */
  readonly isWide?: boolean;
  /** The images of containers, by the containers' names. */
  readonly images?: ReadonlyMap<string, string>;
};

const STYLE_OF_STATUS = { active: "good", stale: "warning", released: "faint" } as const satisfies Record<
  AssignmentStatus,
  Style
>;

/** The assignments, by port. In a narrow terminal only the project and the holders are shortened. */
export function assignmentTable(
  assignments: readonly ListedAssignment[],
  terminal: Terminal,
  now: Date,
  { isWide = false, images = new Map() }: TableOptions = {},
): string {
  const columns: readonly Column[] = [
    { heading: "Project", cut: "start" },
    { heading: "Port" },
    ...(isWide ? [{ heading: "Web port" }] : []),
    { heading: "Type" },
    { heading: "Status" },
    { heading: "Container" },
    ...(isWide ? [{ heading: "Image" }] : []),
    { heading: "Held by", cut: "end" },
    { heading: "Age", align: "right" },
  ];
  const rows = [...assignments]
    .sort((a, b) => a.port - b.port)
    .map((assignment): Cell[] => [
      { text: projectText(assignment.projectKey, terminal) },
      { text: String(assignment.port), style: "strong" },
      ...(isWide ? [{ text: String(assignment.webPort ?? "-") }] : []),
      { text: assignment.assignmentType },
      { text: assignment.status, style: STYLE_OF_STATUS[assignment.status] },
      { text: plainText(containerText(assignment)) },
      ...(isWide ? [{ text: plainText(imageText(assignment, images)) }] : []),
      { text: plainText(holderText(assignment, isWide)) },
      { text: formatAge(assignment.assignedAt, now) },
    ]);
  return renderTable(columns, rows, isWide ? { paint: terminal.paint } : terminal);
}

/** A project to print. In a terminal the home directory is `~`; in other output paths stay complete for programs. */
export function projectText(projectKey: string, terminal: Terminal): string {
  const { home } = environment();
  if (home === undefined) return plainText(projectKey);
  const isBelowHome = projectKey === home || ["/", "\\", "#"].some((next) => projectKey.startsWith(home + next));
  return plainText(terminal.isInteractive && isBelowHome ? `~${projectKey.slice(home.length)}` : projectKey);
}

/** The first holder and the number of others. Dead holders, which the next assignment removes, come last. */
function holderText({ holders, evidence }: ListedAssignment, isWide: boolean): string {
  // One for each, in the same order.
  const verdicts = evidence.filter(({ kind }) => kind === "holder").map(({ verdict }) => verdict);
  const isGone = (_: unknown, index: number) => verdicts[index] === "gone";
  const present = holders.filter((holder, index) => !isGone(holder, index)).map(describeHolder);
  // At the start, because a narrow terminal cuts the end.
  const gone = holders.filter(isGone).map((holder) => `gone: ${describeHolder(holder)}`);
  const [first = "-", ...more] = [...present, ...gone];
  return isWide || more.length < 2 ? [first, ...more].join(", ") : `${first}, ${more.length} more`;
}

/** The containers of the assignment; the name that it would have, if the engine could not be asked. */
function containerText(assignment: ListedAssignment): string {
  const containers = containersSeen(assignment);
  if (containers.length > 0) return containers.map(({ text }) => text).join(", ");
  return assignment.evidence.some(({ kind }) => kind === "engine") ? `${assignment.containerName} (?)` : "-";
}

function imageText(assignment: ListedAssignment, images: ReadonlyMap<string, string>): string {
  return (
    containersSeen(assignment)
      .map(({ name }) => images.get(name) ?? "?")
      .join(", ") || "-"
  );
}

/** The state is shown unless it is `running`. */
function containersSeen({ evidence }: ListedAssignment): readonly { name: string; text: string }[] {
  return evidence
    .filter(({ kind, verdict }) => kind === "container" && verdict === "alive")
    .map(({ text }) => {
      const [, name = text, state = ""] = /^container (.*) \((\w+)\)$/.exec(text) ?? [];
      return { name, text: state === "running" ? name : `${name} (${state})` };
    });
}
