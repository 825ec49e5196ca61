import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Terminal } from "../../src/cli/terminal.ts";
import type { ListedAssignment } from "../../src/registry/assignment.ts";
import { assignmentTable } from "../../src/report/assignment-table.ts";
import { formatAge } from "../../src/text/age.ts";
import type { Paint } from "../../src/text/table.ts";

const NOW = new Date("2026-11-23T12:00:00Z");
const markup: Paint = (style, text) => `<${style}>${text}</${style}>`;
const noPaint: Paint = (_, text) => text;

describe("assignmentTable", () => {
  beforeEach(() => {
    vi.stubEnv("HOME", "/home/dev");
    vi.stubEnv("USERPROFILE", "/home/dev");
  });
  afterEach(() => vi.unstubAllEnvs());

  it("is plain and complete if the output is piped", () => {
    expect(assignmentTable(SAMPLE, terminal({ isInteractive: false }), NOW)).toMatchInlineSnapshot(`
      "Project                                                    Port  Type    Status  Container               Held by                                Age
      /home/dev/work/customers/a-rather-long-customer-name/shop  1972  auto    stale   -                       -                                      5 d
      /srv/プロジェクト/在庫管理                                 1973  auto    active  iris_0a1b2c3d_1973      process 4711 (node vitest), manual  12 min
      /srv/api#replica                                           2001  manual  active  iris_3f2a9c1b_1972 (?)  job (test (latest-em, api))         12 min
      "
    `);
  });

  it("shows the home directory as ~ in a terminal", () => {
    expect(assignmentTable(SAMPLE, terminal({}), NOW)).toMatchInlineSnapshot(`
      "Project                                            Port  Type    Status  Container               Held by                                Age
      ~/work/customers/a-rather-long-customer-name/shop  1972  auto    stale   -                       -                                      5 d
      /srv/プロジェクト/在庫管理                         1973  auto    active  iris_0a1b2c3d_1973      process 4711 (node vitest), manual  12 min
      /srv/api#replica                                   2001  manual  active  iris_3f2a9c1b_1972 (?)  job (test (latest-em, api))         12 min
      "
    `);
  });

  it("fits into a narrow terminal", () => {
    const table = assignmentTable(SAMPLE, terminal({ width: 90 }), NOW);
    expect(table).toMatchInlineSnapshot(`
      "Project            Port  Type    Status  Container               Held by               Age
      …stomer-name/shop  1972  auto    stale   -                       -                     5 d
      …ェクト/在庫管理   1973  auto    active  iris_0a1b2c3d_1973      process 4711 (no…  12 min
      /srv/api#replica   2001  manual  active  iris_3f2a9c1b_1972 (?)  job (test (lates…  12 min
      "
    `);
    for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(90);
  });

  it("marks what matters", () => {
    expect(assignmentTable(SAMPLE.slice(0, 2), terminal({ paint: markup }), NOW)).toMatchInlineSnapshot(`
      "<heading>Project</heading>                                            <heading>Port</heading>  <heading>Type</heading>  <heading>Status</heading>  <heading>Container</heading>           <heading>Held by</heading>                                <heading>Age</heading>
      ~/work/customers/a-rather-long-customer-name/shop  <strong>1972</strong>  auto  <warning>stale</warning>   -                   -                                      5 d
      /srv/プロジェクト/在庫管理                         <strong>1973</strong>  auto  <good>active</good>  iris_0a1b2c3d_1973  process 4711 (node vitest), manual  12 min
      "
    `);
  });

  it("marks holders that are gone, and puts them last", () => {
    const [both] = SAMPLE as [ListedAssignment];
    const evidence = (person: "alive" | "gone"): ListedAssignment["evidence"] => [
      { kind: "holder", verdict: "gone", text: "process 4711 (node vitest) (gone)" },
      { kind: "holder", verdict: person, text: "manual" },
      { kind: "container", verdict: "gone", text: "no container" },
    ];
    const table = (person: "alive" | "gone") =>
      assignmentTable([{ ...both, evidence: evidence(person) }], terminal({}), NOW);
    expect(table("alive")).toContain(" manual, gone: process 4711 (node vitest) ");
    expect(table("gone")).toContain(" gone: process 4711 (node vitest), gone: manual ");
  });

  it("escapes what could rewrite the screen in a table", () => {
    const hostile = listed({
      projectKey: "/tmp/\u001b[2J\nfake",
      evidence: [{ kind: "container", verdict: "alive", text: "container \u009b31mx (running)" }],
    });
    expect(assignmentTable([hostile], terminal({}), NOW)).toContain("/tmp/\\u{1b}[2J\\u{a}fake");
    expect(assignmentTable([hostile], terminal({}), NOW).replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});

describe("formatAge", () => {
  it.each([
    ["2026-11-23T12:00:30Z", "0 s"],
    ["2026-11-23T11:59:58Z", "2 s"],
    ["2026-11-23T11:48:00Z", "12 min"],
    ["2026-11-23T09:00:00Z", "3 h"],
    ["2026-11-18T09:00:00Z", "5 d"],
  ])("shows %s as %s", (since, age) => {
    expect(formatAge(new Date(since), NOW)).toBe(age);
  });
});

function terminal(overrides: Partial<Terminal>): Terminal {
  return { isInteractive: true, width: undefined, paint: noPaint, write: () => {}, ...overrides };
}

function listed(overrides: Partial<ListedAssignment>): ListedAssignment {
  return {
    projectPath: "/srv/shop",
    projectKey: overrides.projectPath ?? "/srv/shop",
    port: 1972,
    assignedAt: new Date("2026-11-23T11:48:00Z"),
    assignmentType: "auto",
    status: "active",
    containerName: "iris_3f2a9c1b_1972",
    holders: [],
    evidence: [{ kind: "container", verdict: "gone", text: "no container" }],
    ...overrides,
  };
}

const IDENTITY = { host: "laptop", bootId: "b", pidNamespace: "n", pid: 4711, startTime: "1" };

const SAMPLE: readonly ListedAssignment[] = [
  listed({
    port: 1973,
    projectKey: "/srv/プロジェクト/在庫管理",
    holders: [
      { kind: "process", id: "p", since: NOW, description: "node vitest", process: IDENTITY },
      { kind: "manual", id: "manual", since: NOW },
    ],
    evidence: [{ kind: "container", verdict: "alive", text: "container iris_0a1b2c3d_1973 (running)" }],
  }),
  listed({
    port: 1972,
    projectKey: "/home/dev/work/customers/a-rather-long-customer-name/shop",
    webPort: 52773,
    assignedAt: new Date("2026-11-18T09:00:00Z"),
    status: "stale",
  }),
  listed({
    port: 2001,
    projectKey: "/srv/api#replica",
    assignmentType: "manual",
    holders: [{ kind: "job", id: "j", since: NOW, description: "test (latest-em, api)" }],
    evidence: [{ kind: "engine", verdict: "unknown", text: "the container engine cannot be asked" }],
  }),
];
