/** Faulty policy files end every command alike: exit 3, every fault told, and nothing that a terminal would obey. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { runCommand } from '../support/command-line.ts'

const COMMANDS = [
  ['policy', 'validate'],
  ['policy', 'test'],
  ['policy', 'lint'],
  ['policy', 'codes'],
  ['codegen'],
  ['policy', 'publish'],
  ['policy', 'plan'],
  ['policy', 'budget', '--roles', 'a'],
  ['policy', 'diff'],
].map((words): readonly [string, readonly string[]] => [words.join(' '), words])

let folder: string
let broken: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-refusal-'))
  broken = join(folder, 'bro\u001b[2Jken')
  await mkdir(broken)
  await writeFile(join(broken, 'a.yaml'), 'apiVersion: castellan/v1\nkind: Nothing\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('faulty files', () => {
  it.each(COMMANDS)('in a folder of any name send nothing to a terminal that it would obey: %s', async (_, command) => {
    const { code, out, err } = await runCommand([...command, broken])
    expect([code, err]).toEqual([3, expect.stringMatching(/Policy files refused in .*bro\\u001b\[2Jken, errors: 1\.\n$/)])
    expect(`${out}${err}`).not.toContain('\u001b')
  })

  it.each(COMMANDS.filter(([name]) => name !== 'codegen'))(
    'answer a program that asked for JSON with the faults, as one document: %s',
    async (_, command) => {
      const { code, out } = await runCommand([...command, broken, '-o', 'json'])
      expect(code).toBe(3)
      expect(JSON.parse(out)).toEqual({
        valid: false,
        faults: [expect.objectContaining({ file: 'a.yaml', line: 2, code: 'unknown-kind' })],
      })
    },
  )
})
