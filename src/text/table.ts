import { columnsOf, truncate } from "./plain-text.ts";

/** A kind of emphasis; the caller decides how it looks. */
export type Style = "heading" | "strong" | "good" | "warning" | "bad" | "faint";
/** Adds emphasis to a text, or returns it unchanged. */
export type Paint = (style: Style, text: string) => string;

/** A column: its heading, and which side of its texts may be cut if the terminal is too narrow. */
export type Column = { readonly heading: string; readonly cut?: "start" | "end"; readonly align?: "right" };
/** One field of a row. */
export type Cell = { readonly text: string; readonly style?: Style };

/** The smallest width to which a column is cut. */
const MIN_COLUMN_WIDTH = 8;
const GAP = "  ";

/** A table of aligned columns. With a `width`, columns with `cut` are shortened until the table fits. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: { readonly paint: Paint; readonly width?: number | undefined },
): string {
  const widths = shrink(columns, naturalWidths(columns, rows), options.width);
  const line = (cells: readonly Cell[]) =>
    cells
      .map(({ text, style }, index) => {
        const column = columns[index] as Column;
        const width = widths[index] as number;
        const cut = truncate(text, width, column.cut ?? "end");
        const padding = " ".repeat(width - columnsOf(cut));
        const painted = style ? options.paint(style, cut) : cut;
        if (column.align === "right") return padding + painted;
        return index === columns.length - 1 ? painted : painted + padding;
      })
      .join(GAP);
  const headings = columns.map(({ heading }): Cell => ({ text: heading, style: "heading" }));
  return [headings, ...rows].map((cells) => `${line(cells).trimEnd()}\n`).join("");
}

function naturalWidths(columns: readonly Column[], rows: readonly (readonly Cell[])[]): number[] {
  return columns.map(({ heading }, index) =>
    Math.max(columnsOf(heading), ...rows.map((row) => columnsOf(row[index]?.text ?? ""))),
  );
}

/** Shortens the widest column with `cut` until the table fits, or no column can be shortened. */
function shrink(columns: readonly Column[], natural: readonly number[], width: number | undefined): number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  let excess = widths.reduce((sum, column) => sum + column, GAP.length * (widths.length - 1)) - width;
  while (excess > 0) {
    const candidates = widths.map((own, index) => (columns[index]?.cut && own > MIN_COLUMN_WIDTH ? own : 0));
    const widest = Math.max(...candidates);
    if (widest === 0) return widths;
    widths[candidates.indexOf(widest)] = widest - 1;
    excess -= 1;
  }
  return widths;
}
