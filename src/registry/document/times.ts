import fs from "node:fs";
import createDebug from "debug";
import { hasOffset } from "../../stores/time-text.ts";

const debug = createDebug("iris-ports:records");
/** How far another clock may be ahead of ours. */
const TOLERANCE_MS = 60_000;

/**
 * The time of an entry of the Python tool, which writes local times without a zone. The writing process may have had another
 * `TZ`, so the latest of all readings (in this process's zone, the system's, UTC) that is not in the future counts: an
 * entry must not seem older than it is.
 */
export function readTime(text: string): Date {
  const local = new Date(text);
  if (hasOffset(text) || Number.isNaN(local.getTime())) return local;
  const now = Date.now() + TOLERANCE_MS;
  const past = [local.getTime(), ...readingsElsewhere(text)].filter((time) => time <= now);
  return past.length === 0 ? local : new Date(Math.max(...past));
}

/**
 * The offsets from UTC that are in use, in hours.
 * @see https://www.iana.org/time-zones
 */
const OFFSETS = [
  ...Array.from({ length: 27 }, (_, index) => index - 12),
  ...[-9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75],
];

/** Whether a time without a zone may be younger than this, in milliseconds, in the zone where it was written. */
export function mayBeYoung(text: string, now: Date, ageMs: number): boolean {
  if (hasOffset(text)) return false;
  const utcAgeMs = now.getTime() - Date.parse(`${text}Z`);
  return OFFSETS.map((hours) => utcAgeMs + hours * 3_600_000).some((age) => -TOLERANCE_MS <= age && age < ageMs);
}

function readingsElsewhere(text: string): readonly number[] {
  const utc = Date.parse(`${text}Z`);
  const zone = systemZone();
  if (Number.isNaN(utc)) return [];
  return zone === undefined ? [utc] : [utc, utc - offsetMs(zone, utc)];
}

let zoneOfSystem: { readonly format: Intl.DateTimeFormat | undefined } | undefined;

/** The system's time zone, which the environment variable `TZ` hides from this process. */
function systemZone(): Intl.DateTimeFormat | undefined {
  zoneOfSystem ??= { format: readSystemZone() };
  return zoneOfSystem.format;
}

function readSystemZone(): Intl.DateTimeFormat | undefined {
  try {
    const timeZone = /\/zoneinfo\/(.+)$/.exec(fs.readlinkSync("/etc/localtime"))?.[1];
    return timeZone ? new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" }) : undefined;
  } catch (cause) {
    debug("the system's time zone is unknown: %o", cause);
    return undefined;
  }
}

/** The offset of a zone from UTC at about that time. */
function offsetMs(zone: Intl.DateTimeFormat, time: number): number {
  const name = zone.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const [, sign, hours = "0", minutes = "0"] = /([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
