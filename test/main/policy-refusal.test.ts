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

describe('policy test for a pipeline', () => {
  it('names files as seen from the checkout, wherever it runs', async () => {
    const { out } = await runCommand(['policy', 'test', broken, '-o', 'github'], { GITHUB_WORKSPACE: folder })
    expect(out).toMatch(/^::error file=bro[^,/]*\/a\.yaml,line=2,/)
  })
})

describe('a folder that is not there', () => {
  const FILES_ONLY = COMMANDS.filter(([name]) => !/plan|budget|diff/.test(name))

  it.each(FILES_ONLY)('is named as it was asked for, with what to do, and ends with 3: %s', async (_, command) => {
    const { code, out, err } = await runCommand([...command, '/nowhere/at all'])
    expect(code).toBe(3)
    expect(`${out}${err}`).toContain(
      'error unreadable there is no folder "/nowhere/at all" — name the folder of the policy files, or write',
    )
    expect(`${out}${err}`).not.toContain('ENOENT')
  })

  it.each(COMMANDS.filter(([name]) => !name.includes('diff')))(
    'is said to be the one taken when none was named: %s',
    async (_, command) => {
      const before = process.cwd()
      try {
        process.chdir(folder)
        const { code, out, err } = await runCommand(command)
        expect([2, 3]).toContain(code)
        expect(`${out}${err}`).toMatch(/There is no folder .*"\.\/policies"/i)
        expect(`${out}${err}`).toContain('./policies is taken when none is named')
      } finally {
        process.chdir(before)
      }
    },
  )

  it('is also a file in its place', async () => {
    const { code, out } = await runCommand(['policy', 'validate', join(broken, 'a.yaml')])
    expect([code, out]).toEqual([3, expect.stringContaining('there is no folder "')])
  })
})
