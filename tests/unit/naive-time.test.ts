import fs from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { mayBeYoung } from "../../src/registry/document/times.ts";

beforeEach(() => {
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Read by a process with this `TZ`, on a machine of that zone. */
async function readTime(text: string, processZone: string, systemZone?: string): Promise<Date> {
  vi.stubEnv("TZ", processZone);
  vi.spyOn(fs, "readlinkSync").mockImplementation(() => {
    if (systemZone === undefined) throw Object.assign(new Error("no link"), { code: "EINVAL" });
    return `/usr/share/zoneinfo/${systemZone}`;
  });
  return (await import("../../src/registry/document/times.ts")).readTime(text);
}

/** Now, as Python's datetime.now().isoformat() tells it in a zone. */
function nowIn(timeZone: string, now: Date): string {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(now);
  return `${parts.replace(" ", "T")}.000123`;
}

describe("a time of the Python tool", () => {
  test("with an offset is that time", async () => {
    expect((await readTime("2026-11-23T05:06:07.123+00:00", "Asia/Tokyo")).toISOString()).toBe(
      "2026-11-23T05:06:07.123Z",
    );
    expect((await readTime("2026-11-23T05:06:07.123456-05:00", "Asia/Tokyo")).toISOString()).toBe(
      "2026-11-23T10:06:07.123Z",
    );
  });

  test.each([
    ["America/New_York", "UTC", "America/New_York"],
    ["Asia/Kolkata", "UTC", "Asia/Kolkata"],
    ["UTC", "Pacific/Kiritimati", "America/New_York"],
    ["UTC", "Pacific/Kiritimati", undefined],
    ["America/New_York", "America/New_York", "Asia/Tokyo"],
  ])("that was written in %s is not taken for older, by TZ=%s on a machine in %s", async (written, process, system) => {
    const now = new Date(Math.floor(Date.now() / 1_000) * 1_000);
    expect(await readTime(nowIn(written, now), process, system)).toEqual(now);
  });

  test("that is in the future in every zone is read in this process's", async () => {
    expect((await readTime("9000-01-01T09:00:00", "Asia/Tokyo", "Asia/Tokyo")).toISOString()).toBe(
      "9000-01-01T00:00:00.000Z",
    );
  });

  test("of another form is read as Date reads it; without a time there is none", async () => {
    expect((await readTime("Mon, 23 Nov 2026 05:06:07 GMT", "Asia/Tokyo")).toISOString()).toBe(
      "2026-11-23T05:06:07.000Z",
    );
    expect((await readTime("yesterday", "Asia/Tokyo")).getTime()).toBeNaN();
  });
});

describe("a time without a zone", () => {
  const now = new Date("2026-11-28T12:00:00Z");
  const ago = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString().slice(0, -1);

  test.each([
    ["UTC", 0],
    ["New York", 5 * 60],
    ["the farthest west", 12 * 60],
    ["the farthest east", -14 * 60],
    ["India", -5.5 * 60],
    ["Nepal", -5.75 * 60],
    ["Eucla", -8.75 * 60],
    ["the Chatham Islands", -12.75 * 60],
    ["the Chatham Islands in summer", -13.75 * 60],
  ])("may be young if it is so in %s, for 15 minutes", (_, minutes) => {
    const isYoung = [-0.5, 0, 14.9].map((age) => mayBeYoung(ago(minutes + age), now, 15 * 60_000));
    expect(isYoung).toEqual([true, true, true]);
  });

  test("cannot be young if it is too old or too far in the future in every zone", () => {
    for (const minutes of [-14.1 * 60, -2, 15.1, 12.3 * 60])
      expect(mayBeYoung(ago(minutes), now, 15 * 60_000)).toBe(false);
  });

  test("cannot be young if only an offset that no zone uses would make it so", () => {
    for (const hours of [-11.5, -4.5, -0.5, 0.5, 7.5, 13.5])
      expect(mayBeYoung(ago(-hours * 60), now, 15 * 60_000)).toBe(false);
  });

  test("is the only kind to which this applies, not one with a zone or an unreadable one", () => {
    for (const text of [`${ago(300)}Z`, `${ago(300)}-05:00`, "Sat, 28 Nov 2026 07:00:00 GMT", "yesterday"])
      expect(mayBeYoung(text, now, 15 * 60_000)).toBe(false);
  });
});
