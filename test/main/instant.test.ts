/** Instants as people type them. */
import { describe, expect, it } from '@jest/globals'
import { parseInstant } from '../../src/main/command-line/instant.ts'
import { runCommandLine } from '../../src/main/command-line/run.ts'

const now = Date.parse('2026-11-21T09:00:00Z')
const parse = async (text: string) => new Date(await parseInstant('--until', text, now)).toISOString()

describe('parseInstant', () => {
  it('takes an instant with its offset as it is', async () => {
    expect(await parse('2026-12-01T08:00:00Z')).toBe('2026-12-01T08:00:00.000Z')
    expect(await parse('2026-12-01T08:00+02:00')).toBe('2026-12-01T06:00:00.000Z')
  })

  it('counts a duration from now', async () => {
    expect(await parse('PT2H')).toBe('2026-11-21T11:00:00.000Z')
    expect(await parse('P1W2DT3H4M5S')).toBe('2026-11-30T12:04:05.000Z')
  })

  it.each(['tomorrow', '2026-12-01', '2026-12-01T08:00:00', '2026-13-01T08:00:00Z', 'P', 'PT', 'P1M', 'P1Y', '2h', 'PT-2H', ''])(
    'refuses %j as wrong usage, naming the option',
    async (text) => {
      await expect(parse(text)).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('--until') })
    },
  )

  it.each(['2027-02-30T00:00:00Z', '2027-02-29T00:00Z', '2027-04-31T00:00:00Z', '2027-01-01T24:00:00Z', '2027-00-01T00:00:00Z'])(
    'refuses %j, which no calendar has, instead of taking the day after',
    async (text) => {
      await expect(parse(text)).rejects.toMatchObject({ exitCode: 2 })
    },
  )
})

describe('every instant of the command line', () => {
  const day = '2027-02-30T00:00:00Z'
  it.each([
    [['grant', 'ann', 'acme', 'coder', '--from', day]],
    [['grant', 'ann', 'acme', 'coder', '--until', day]],
    [['caller', 'create', 'desk', '--scopes', 'decide', '--until', day]],
    [['audit', 'list', '--since', day]],
    [['audit', 'list', '--until', day]],
  ])('is refused before a service is asked when it does not exist: %j', async (args) => {
    let err = ''
    const terminal = {
      out: () => undefined,
      err: (text: string) => {
        err += text
      },
      environment: { CASTELLAN_URL: 'http://127.0.0.1:1' },
      colours: false,
      nowMs: () => now,
    }
    expect(await runCommandLine(args, terminal)).toBe(2)
    expect(err).toContain(`${args.at(-2)}: not an instant or duration: ${day}`)
  })
})
