import { base64 } from "./transcript.ts";
import { decodeBase64 } from "./wide-text.ts";

/** A value of a row: NULL is `null`, and a number is a string where a JavaScript number would not be the same. */
export type SqlValue = string | number | null;

/** A row by the names of its columns, as the statement has them; a repeated name gets `_2`, `_3` ... */
export type SqlRow = Record<string, SqlValue>;

/** ODBC's types of numbers: BIT, TINYINT, BIGINT, NUMERIC, DECIMAL, INTEGER, SMALLINT, FLOAT, REAL, DOUBLE. */
const NUMERIC_TYPES: ReadonlySet<number> = new Set([-7, -6, -5, 2, 3, 4, 5, 6, 7, 8]);

/**
 * ObjectScript that writes the columns of `ipResult` as `name:type,...;` and each row as `value,...;`, NULL as `~`. All
 * text is in base64, a long text in several runs separated by `.`, so that line breaks do not matter.
 */
export const WRITE_ROWS = [
  "set ipColumns=ipResult.%GetMetadata().columns,ipCount=ipColumns.Count()",
  "for ipColumn=1:1:ipCount {",
  "set ipEntry=ipColumns.GetAt(ipColumn),ipType(ipColumn)=ipEntry.ODBCType",
  'set ipName=$select(ipEntry.label\'="":ipEntry.label,1:ipEntry.colName)',
  `write ${base64("ipName")},":",ipType(ipColumn),$select(ipColumn<ipCount:",",1:";"),!`,
  "}",
  "while ipResult.%Next() { for ipColumn=1:1:ipCount {",
  "set ipItem=ipResult.%GetData(ipColumn)",
  // A long column is an open stream, or the identifier of one.
  "if '$isobject(ipItem),ipItem'=\"\",(ipType(ipColumn)=-1)!(ipType(ipColumn)=-4) { set ipItem=##class(%Stream.Object).%Open(ipItem) }",
  'if $isobject(ipItem) { while \'ipItem.AtEnd { set ipText=ipItem.Read(12000) write $system.Encryption.Base64Encode($zconvert(ipText,"O","UTF8"),1),".",! } }',
  'elseif ipItem="" { write "~" }',
  'else { for ipStart=1:12000:$length(ipItem) { write $system.Encryption.Base64Encode($zconvert($extract(ipItem,ipStart,ipStart+11999),"O","UTF8"),1),".",! } }',
  'write $select(ipColumn<ipCount:",",1:";"),!',
  "} } kill ipColumns,ipEntry,ipItem",
].join(" ");

/** Reads what {@link WRITE_ROWS} wrote; undefined when it was not run, because the statement returns no rows. */
export function readRows(output: string): SqlRow[] | undefined {
  const [head = "", ...records] = output.replaceAll(/\s+/g, "").split(";").slice(0, -1);
  if (head === "") return undefined;
  const columns = distinct(
    head.split(",").map((column) => {
      const [name = "", type] = column.split(":");
      return { name: decodeBase64(name), isNumeric: NUMERIC_TYPES.has(Number(type)) };
    }),
  );
  return records.map((record) => {
    const values = record.split(",");
    return Object.fromEntries(
      columns.map(({ name, isNumeric }, index) => [name, sqlValue(values[index] ?? "", isNumeric)]),
    );
  });
}

function sqlValue(encoded: string, isNumeric: boolean): SqlValue {
  if (encoded === "~") return null;
  const text = decodeBase64(encoded);
  if (text === "\0") return "";
  return isNumeric ? exactNumber(text) : text;
}

/** IRIS writes a half as `.50`. */
function exactNumber(text: string): SqlValue {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text) ?? [];
  const digits = fraction.replace(/0+$/, "");
  const canonical = `${sign}${whole.replace(/^0+(?=.)/, "") || "0"}${digits === "" ? "" : `.${digits}`}`;
  const value = Number(text);
  return Number.isFinite(value) && text !== "" && (String(value) === canonical || /e/i.test(text)) ? value : text;
}

function distinct<T extends { readonly name: string }>(columns: readonly T[]): T[] {
  const taken = new Set<string>();
  return columns.map((column) => {
    let name = column.name;
    for (let count = 2; taken.has(name); count += 1) name = `${column.name}_${count}`;
    taken.add(name);
    return { ...column, name };
  });
}
