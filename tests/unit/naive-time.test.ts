import { afterEach, describe, expect, test, vi } from "vitest";
import { readTime } from "../../src/ports/naive-time.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("a time of the Python tool", () => {
  test("with an offset is that time", () => {
    vi.stubEnv("TZ", "Asia/Tokyo");
    expect(readTime("2026-11-23T05:06:07.123+00:00").toISOString()).toBe("2026-11-23T05:06:07.123Z");
    expect(readTime("2026-11-23T05:06:07.123456-05:00").toISOString()).toBe("2026-11-23T10:06:07.123Z");
  });

  test.each(["UTC", "Pacific/Kiritimati"])("without one is not older than it can be, where TZ is %s", (zone) => {
    vi.stubEnv("TZ", zone);
    const justNow = new Date();
    expect(readTime(justNow.toISOString().slice(0, -1)).getTime()).toBe(justNow.getTime());
  });

  test("that is in the future in every zone is read in this process's", () => {
    vi.stubEnv("TZ", "Asia/Tokyo");
    expect(readTime("9000-01-01T09:00:00").toISOString()).toBe("9000-01-01T00:00:00.000Z");
  });

  test("that is none stays none", () => {
    expect(readTime("yesterday").getTime()).toBeNaN();
  });
});
