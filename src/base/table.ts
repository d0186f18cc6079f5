/** Tables for people: rows under their titles, in columns that line up. */

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Figures stand to the right. */
  readonly right?: boolean;
}

/** Lines without line ends and trailing blanks, the titles first. */
export function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): readonly string[] {
  const cells = [columns.map((column) => column.title), ...rows.map((row) => columns.map((column) => column.cell(row)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => Bun.stringWidth(line[index] ?? ""))));
  const pad = (text: string, index: number) => {
    const blanks = " ".repeat(Math.max(0, (widths[index] ?? 0) - Bun.stringWidth(text)));
    return columns[index]?.right === true ? blanks + text : text + blanks;
  };
  return cells.map((line) => line.map(pad).join("  ").trimEnd());
}

/** Columns of rows that are cells already; `isText`: of these the words stand to the left. */
export function columnsOf(titles: readonly string[], isText: (title: string) => boolean): readonly Column<readonly string[]>[] {
  return titles.map((title, index) => ({ title, cell: (row) => row[index] ?? "", right: !isText(title) }));
}
