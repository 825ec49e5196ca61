import { DocumentError } from "./document-error.ts";

// `where` is the place in the document, for the message of a DocumentError.

/** A map of records, each read by `parse`; empty if there is none. */
export function mapOf<T>(value: unknown, where: string, parse: (value: unknown, where: string) => T): Map<string, T> {
  if (value === undefined) return new Map();
  return new Map(
    [...asMap(value, where)].map(([key, member]) => [key, parse(member, `${where}[${JSON.stringify(key)}]`)]),
  );
}

/** A map without these keys. */
export function without(map: ReadonlyMap<string, unknown>, keys: readonly string[]): ReadonlyMap<string, unknown> {
  return new Map([...map].filter(([key]) => !keys.includes(key)));
}

/** An object of which only known keys are read; none of them is a key that every object inherits. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** @throws DocumentError when the value is not an object */
export function asRecord(value: unknown, where: string): JsonRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DocumentError(`${where} is not an object`);
  return value as JsonRecord;
}

/** An object with any keys: a Map, because a key such as "__proto__" must stay a key. */
export function asMap(value: unknown, where: string): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(asRecord(value, where)));
}

/** @throws DocumentError when the value is not a list */
export function asArray(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new DocumentError(`${where} is not a list`);
  return value;
}

/** @throws DocumentError when the value is not a string */
export function asText(value: unknown, where: string): string {
  if (typeof value !== "string") throw new DocumentError(`${where} is not a string`);
  return value;
}

/** @throws DocumentError when the value is not a time that `Date` can read */
export function asTime(value: unknown, where: string): string {
  const text = asText(value, where);
  if (Number.isNaN(Date.parse(text))) throw new DocumentError(`${where} is not a time`);
  return text;
}

/** @throws DocumentError when the value is not a port */
export function asPort(value: unknown, where: string): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 65535)
    throw new DocumentError(`${where} is not a port (1-65535)`);
  return value as number;
}

/** @throws DocumentError when the value is not one of these */
export function asOneOf<T extends string>(value: unknown, allowed: readonly T[], where: string): T {
  if (!allowed.includes(value as T)) throw new DocumentError(`${where} is not one of ${allowed.join(", ")}`);
  return value as T;
}
