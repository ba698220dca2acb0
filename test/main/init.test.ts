/** What `castellan init` writes is a sound, tested, tidy policy, and it never touches what is there. */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
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
    await mkdir(join(folder, '.git'))
    await runCommand(['init', policies])
    const workflow = await readFile(join(folder, '.github', 'workflows', 'castellan.yml'), 'utf8')
    const action = await readFile(join(packageRoot(), 'action', 'action.yml'), 'utf8')
    const used = workflow.slice(workflow.indexOf('with:')).match(/^ {10}[a-z-]+:/gm) ?? []
    expect(used).toHaveLength(3)
    for (const input of used) expect(action).toContain(`\n  ${input.trim()}\n`)
    // One secret, by one name, wherever it is spoken of.
    const secret = /secrets\.\w+/.exec(workflow)?.[0]
    expect(await readFile(join(packageRoot(), 'action', 'README.md'), 'utf8')).toContain(`\${{ ${secret} }}`)
  })

  it('says what to run next', async () => {
    await mkdir(join(folder, '.git'))
    const { out } = await runCommand(['init', policies])
    expect(out).toContain(`castellan policy test ${policies}`)
    expect(out.match(/^wrote /gm)).toHaveLength(FILES.length + 1)
  })

  it('says it so that a shell can run it, whatever the folder is called', async () => {
    const odd = join(folder, "team's [new] policies; $(touch pwned)")
    const { out } = await runCommand(['init', odd])
    const validate = out.split('\n').find((line) => line.includes('policy validate')) ?? ''
    const words = execFileSync('sh', ['-c', `set -- ${validate.replace(/ {3}are the files.*/, '')}\nprintf '%s\\n' "$@"`], {
      encoding: 'utf8',
    })
    expect(words.trimEnd().split('\n')).toEqual(['castellan', 'policy', 'validate', odd])
    const dev = /^ {2}CASTELLAN_POLICIES=(.*) castellan dev {3}/m.exec(out)?.[1] ?? ''
    expect(execFileSync('sh', ['-c', `printf %s ${dev}`], { encoding: 'utf8' })).toBe(odd)
  })

  it('takes a repository that has nothing in it yet for an empty folder', async () => {
    await mkdir(join(policies, '.git'), { recursive: true })
    expect(await runCommand(['init', policies])).toMatchObject({ code: 0, err: '' })
    expect(await readFile(join(policies, '.github', 'workflows', 'castellan.yml'), 'utf8')).toMatch(
      /paths: \['\*\*', [\s\S]*\n {10}policies: '.'\n/,
    )
    expect((await runCommand(['policy', 'validate', policies])).code).toBe(0)
  })

  it('writes nothing outside the folder when it is in no repository, and says what it left out', async () => {
    const { code, out } = await runCommand(['init', policies])
    expect(code).toBe(0)
    expect(await readdir(folder)).toEqual(['policies'])
    expect((await readdir(policies)).sort()).toEqual(FILES)
    expect(out).toContain('No workflow was written')
  })

  it('means the folder itself by the path filter of the workflow, whatever signs its name has', async () => {
    await mkdir(join(folder, '.git'))
    await runCommand(['init', join(folder, 'a+b [new]!?*')])
    const workflow = parse(await readFile(join(folder, '.github', 'workflows', 'castellan.yml'), 'utf8'))
    expect(workflow.on.pull_request.paths[0]).toBe('a\\+b \\[new\\]\\!\\?\\*/**')
    expect(workflow.jobs.policy.steps[1].with.policies).toBe('a+b [new]!?*')
  })

  it('writes nothing when any of it is there, and lists what', async () => {
    await mkdir(join(folder, '.git'))
    await mkdir(join(folder, '.github', 'workflows'), { recursive: true })
    await writeFile(join(folder, '.github', 'workflows', 'castellan.yml'), 'mine')
    expect(await runCommand(['init', policies])).toMatchObject({ code: 1, err: expect.stringContaining('castellan.yml') })
    expect((await readdir(folder)).sort()).toEqual(['.git', '.github'])
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

  it.each([
    ['below a file', () => join(folder, 'file', 'policies'), 'ENOTDIR'],
    ['where nobody can make a folder', () => '/proc/none/policies', 'ENOENT'],
  ])('says what is wrong with a place that cannot be written, and ends: %s', async (_, place, code) => {
    await writeFile(join(folder, 'file'), '')
    expect(await runCommand(['init', place()])).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(new RegExp(`^castellan: .* cannot be written: ${code}\nName a folder that can be made`)),
    })
  })

  it('follows no link to another place', async () => {
    await mkdir(join(folder, '.git'))
    await mkdir(join(folder, '.github', 'workflows'), { recursive: true })
    await symlink(join(folder, 'elsewhere'), join(folder, '.github', 'workflows', 'castellan.yml'))
    expect((await runCommand(['init', policies])).code).toBe(1)
  })
})
