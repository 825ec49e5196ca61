import { InvalidArgumentError } from "../../errors/errors.ts";

/** A value for a `?` in a statement. A Date is passed as a timestamp in UTC. */
export type SqlParameter = string | number | bigint | boolean | Date | null;

/**
 * The value as IRIS takes it in ODBC mode: NULL is the empty text there, and the empty text a NUL character.
 * @throws InvalidArgumentError when it is of another type, NaN, infinite or an invalid date
 */
export function sqlArgument(value: SqlParameter, position: number): string {
  if (value === null) return "";
  if (value === "") return "\0";
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "string" || typeof value === "bigint") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return plainNumber(value);
  if (value instanceof Date && !Number.isNaN(value.getTime()))
    return value.toISOString().replace("T", " ").replace("Z", "");
  throw new InvalidArgumentError({
    what: `Parameter ${position} of the SQL statement is of a kind that cannot be passed: ${typeof value}.`,
    remedy: "pass a string, a finite number, a bigint, a boolean, a valid Date, or null",
    argument: "params",
    value,
  });
}

/** Without an exponent, which SQL does not accept in a number that is passed as text. */
function plainNumber(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  return value.toLocaleString("en", { useGrouping: false, maximumSignificantDigits: 17, maximumFractionDigits: 20 });
}
