/** Instants as people type them. */
import { describe, expect, it } from '@jest/globals'
import { parseInstant } from '../../src/main/command-line/instant.ts'

const now = Date.parse('2026-11-21T09:00:00Z')
const parse = (text: string) => new Date(parseInstant('--until', text, now)).toISOString()

describe('parseInstant', () => {
  it('takes an instant with its offset as it is', () => {
    expect(parse('2026-12-01T08:00:00Z')).toBe('2026-12-01T08:00:00.000Z')
    expect(parse('2026-12-01T08:00+02:00')).toBe('2026-12-01T06:00:00.000Z')
  })

  it('counts a duration from now', () => {
    expect(parse('PT2H')).toBe('2026-11-21T11:00:00.000Z')
    expect(parse('P1W2DT3H4M5S')).toBe('2026-11-30T12:04:05.000Z')
  })

  it.each(['tomorrow', '2026-12-01', '2026-12-01T08:00:00', '2026-13-01T08:00:00Z', 'P', 'PT', 'P1M', 'P1Y', '2h', 'PT-2H', ''])(
    'refuses %j as wrong usage, naming the option',
    (text) => {
      expect(() => parseInstant('--until', text, now)).toThrow(
        expect.objectContaining({ exitCode: 2, message: expect.stringContaining('--until') }),
      )
    },
  )
})
