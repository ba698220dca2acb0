/** Settings machinery: everything wrong is told at once, secrets stay secret. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { defaultedSetting, optionalSetting, printableSettings, readSettings, SettingsError } from '../../src/ground/settings.ts'
import { settingsMarkdown } from '../../src/ground/settings-page.ts'

const table = {
  size: defaultedSetting({
    name: 'APP_SIZE',
    meaning: 'How large.',
    accepts: 'a number',
    schema: z.string().regex(/^\d+$/).transform(Number),
    fallback: '3',
  }),
  colour: optionalSetting({ name: 'APP_COLOUR', meaning: 'Which.', accepts: '`red`', schema: z.enum(['red']) }),
  key: optionalSetting({ name: 'APP_KEY', meaning: 'Whose.', accepts: '4 letters', schema: z.string().min(4), secret: true }),
} as const
const read = (environment: Record<string, string>) => readSettings(table, environment, { prefix: 'APP_', required: ['colour'] })

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-settings-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    read(environment)
  } catch (fault) {
    if (fault instanceof SettingsError) return fault.faults.map(({ name, message }) => `${name}: ${message}`)
    throw fault
  }
  return []
}

describe('readSettings', () => {
  it('takes the default of an absent and of an empty variable', () => {
    expect(read({ APP_COLOUR: 'red', APP_SIZE: '' })).toEqual({ size: 3, colour: 'red', key: undefined })
  })

  it('tells every fault of the environment at once, sorted, with the nearest name of a typo', () => {
    expect(faultsOf({ APP_SIZE: 'x', APP_COLOR: 'red', APP_ZZZZZZZZZZ: '1', OTHER: 'ignored' })).toEqual([
      'APP_COLOR: is not a setting; did you mean APP_COLOUR?',
      'APP_COLOUR: is required: `red`',
      'APP_SIZE: must be a number, is "x"',
      'APP_ZZZZZZZZZZ: is not a setting',
    ])
  })

  it('reads a secret from a file, without its last line break', () => {
    const path = join(folder, 'key')
    writeFileSync(path, 'abcdef\n')
    expect(read({ APP_COLOUR: 'red', APP_KEY_FILE: path }).key).toBe('abcdef')
  })

  it('refuses a secret that is given twice, or whose file is missing or empty', () => {
    const empty = join(folder, 'empty')
    writeFileSync(empty, '\n')
    expect(faultsOf({ APP_COLOUR: 'red', APP_KEY: 'abcdef', APP_KEY_FILE: empty })).toEqual(['APP_KEY: is set twice: also by APP_KEY_FILE'])
    expect(faultsOf({ APP_COLOUR: 'red', APP_KEY_FILE: empty })).toEqual(['APP_KEY: APP_KEY_FILE names an empty file'])
    expect(faultsOf({ APP_COLOUR: 'red', APP_KEY_FILE: join(folder, 'none') })).toEqual([
      `APP_KEY: APP_KEY_FILE names a file that cannot be read (ENOENT): ${join(folder, 'none')}`,
    ])
  })

  it('never prints a secret, neither a refused one nor one in force', () => {
    expect(faultsOf({ APP_COLOUR: 'red', APP_KEY: 'abc' })).toEqual(['APP_KEY: must be 4 letters'])
    expect(printableSettings(table, read({ APP_COLOUR: 'red', APP_KEY: 'abcdef' }))).toEqual({
      APP_SIZE: 3,
      APP_COLOUR: 'red',
      APP_KEY: '[secret]',
    })
  })

  it('has no file form for what is not secret', () => {
    expect(faultsOf({ APP_COLOUR: 'red', APP_SIZE_FILE: '/x' })[0]).toMatch(/^APP_SIZE_FILE: is not a setting/)
  })
})

describe('settingsMarkdown', () => {
  it('writes one row a setting, with the file form of secrets', () => {
    expect(settingsMarkdown(table).split('\n').slice(2)).toEqual([
      '| `APP_SIZE` | How large. Accepts: a number. | `3` |',
      '| `APP_COLOUR` | Which. Accepts: `red`. | — |',
      '| `APP_KEY`<br>`APP_KEY_FILE` | Whose. **Secret.** Accepts: 4 letters. | — |',
      '',
    ])
  })
})
