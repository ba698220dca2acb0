/** What `castellan init` writes is a sound, tested, tidy policy, and it never touches what is there. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { runCommand } from '../support/command-line.ts'

let folder: string
let policies: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-init-'))
  policies = join(folder, 'policies')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const FILES = ['catalogue.yaml', 'constraints.yaml', 'roles.yaml', 'schema.json', 'shop.test.yaml']

describe('castellan init', () => {
  it('writes policies without a fault, a failing test or anything untidy', async () => {
    expect(await runCommand(['init', policies])).toMatchObject({ code: 0, err: '' })
    const validated = await runCommand(['policy', 'validate', policies])
    expect(validated.code).toBe(0)
    expect(validated.out).toMatch(/^valid: permissions 3, roles 3, constraints 1, tests 6; revision [0-9a-f]{64}\n$/)
    // Every permission dropped from a role or added to one is noticed by a test.
    const tested = await runCommand(['policy', 'test', policies, '--min-score', '100', '--min-coverage', '100'])
    expect([tested.code, tested.err]).toEqual([0, ''])
    expect(await runCommand(['policy', 'lint', policies, '--strict'])).toMatchObject({ code: 0, err: '' })
  })

  it('gives every file its editor schema, which is the one of the sources', async () => {
    await runCommand(['init', policies])
    expect((await readdir(policies)).sort()).toEqual(FILES)
    for (const name of FILES.filter((one) => one.endsWith('.yaml')))
      expect((await readFile(join(policies, name), 'utf8')).split('\n')[0]).toBe('# yaml-language-server: $schema=./schema.json')
    expect(await readFile(join(policies, 'schema.json'), 'utf8')).toBe(
      await readFile(join(packageRoot(), 'policies', 'schema.json'), 'utf8'),
    )
  })

  it('puts the workflow where the repository looks for it, with the folder as seen from there', async () => {
    await mkdir(join(folder, '.git'))
    await runCommand(['init', join(folder, 'services', 'auth', "team's policies")])
    const workflow = await readFile(join(folder, '.github', 'workflows', 'castellan.yml'), 'utf8')
    expect(workflow).toContain("          policies: 'services/auth/team''s policies'\n")
    expect(workflow).toContain("paths: ['services/auth/team''s policies/**', ")
    expect(workflow).toContain('uses: castellan-authz/castellan/action@v0\n')
  })

  it('uses only inputs that the action has', async () => {
    await runCommand(['init', policies])
    const workflow = await readFile(join(folder, '.github', 'workflows', 'castellan.yml'), 'utf8')
    const action = await readFile(join(packageRoot(), 'action', 'action.yml'), 'utf8')
    const used = workflow.slice(workflow.indexOf('with:')).match(/^ {10}[a-z-]+:/gm) ?? []
    expect(used).toHaveLength(3)
    for (const input of used) expect(action).toContain(`\n  ${input.trim()}\n`)
  })

  it('says what to run next', async () => {
    const { out } = await runCommand(['init', policies])
    expect(out).toContain(`castellan policy test ${policies}`)
    expect(out.match(/^wrote /gm)).toHaveLength(FILES.length + 1)
  })

  it('writes nothing when any of it is there, and lists what', async () => {
    await mkdir(join(folder, '.github', 'workflows'), { recursive: true })
    await writeFile(join(folder, '.github', 'workflows', 'castellan.yml'), 'mine')
    expect(await runCommand(['init', policies])).toMatchObject({ code: 1, err: expect.stringContaining('castellan.yml') })
    expect(await readdir(folder)).toEqual(['.github'])
  })

  it('writes nothing into a folder that has files, and twice is once', async () => {
    await mkdir(policies)
    await writeFile(join(policies, 'other.yaml'), 'mine')
    expect(await runCommand(['init', policies])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('other.yaml') })
    expect(await readdir(policies)).toEqual(['other.yaml'])
    await rm(policies, { recursive: true })
    expect((await runCommand(['init', policies])).code).toBe(0)
    const before = await readFile(join(policies, 'roles.yaml'), 'utf8')
    expect((await runCommand(['init', policies])).code).toBe(1)
    expect(await readFile(join(policies, 'roles.yaml'), 'utf8')).toBe(before)
  })

  it('follows no link to another place', async () => {
    await mkdir(join(folder, '.github', 'workflows'), { recursive: true })
    await symlink(join(folder, 'elsewhere'), join(folder, '.github', 'workflows', 'castellan.yml'))
    expect((await runCommand(['init', policies])).code).toBe(1)
  })
})
