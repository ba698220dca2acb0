/** Rows of CSV (RFC 4180) that no spreadsheet takes for formulas. Knows no column. Floor 6. */
import { plain } from '../command-line/terminal.ts'

/** What spreadsheets begin a formula with, full-width forms too; some look past blanks. */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r]/u

/** One row with its end. Every cell is quoted, so that a comma or semicolon inside of it separates nothing. */
export function csvRow(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

/** Control characters are shown as escapes: they would reach terminals and parsers. */
function cell(value: string | number | null): string {
  const text = String(value ?? '')
  return `"${FORMULA.test(text) ? "'" : ''}${plain(text).replaceAll('"', '""')}"`
}
