import { describe, expect, test } from "vitest";
import { toAssignment, toHolder, toHolderRecord, toRecord } from "../../src/registry/document/records.ts";
import { type Holder, jobHolder, manualHolder, processHolder } from "../../src/registry/holder.ts";
import { timeText } from "../../src/stores/time-text.ts";

const record = {
  project_path: "/a#two",
  port: 1972,
  assigned_at: "2026-11-23T05:06:07.123+00:00",
  assignment_type: "auto",
  status: "active",
  container_name: null,
} as const;

describe("records", () => {
  test("of holders are read as they were written", async () => {
    const process = (await processHolder()).process;
    const holders: Holder[] = [
      {
        ...(await processHolder({ description: "d", usesContainer: true })),
        isLeaving: true,
        restartsUntil: new Date(9),
      },
      manualHolder(),
      jobHolder({ id: "seen", process }),
      jobHolder({ id: "unseen", expiresAt: new Date(5) }),
    ];
    expect(holders.map((holder) => toHolder(toHolderRecord(holder)))).toEqual(holders);
  });

  test("of assignments are written as they were read", () => {
    const assignment = toAssignment(record, { port: 1972, generation: "t", instance: "two", web_port: 52_773 });
    expect(assignment).toMatchObject({ projectPath: "/a", instance: "two", webPort: 52_773, projectKey: "/a#two" });
    expect(toRecord(assignment)).toEqual(record);
  });

  test("without a detail have an instance if the path ends like one", () => {
    expect(toAssignment(record, undefined)).toMatchObject({ projectPath: "/a", instance: "two" });
    expect(toAssignment({ ...record, project_path: "/a#b c" }, undefined)).toMatchObject({ projectPath: "/a#b c" });
  });

  test("of a path that only looks like an instance are known by their detail", () => {
    const assignment = toAssignment(record, { port: 1972, generation: "t" });
    expect(assignment.projectPath).toBe("/a#two");
    expect(assignment).not.toHaveProperty("instance");
  });

  test("have times with an offset instead of Z", () => {
    expect(timeText(new Date(0))).toBe("1970-01-01T00:00:00.000+00:00");
  });
});
