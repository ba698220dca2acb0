/** A directory that changes: swapped whole, never broken, and remembered over a restart. */
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { openLog } from '../../src/ground/log.ts'
import { POLICY_FILE_BYTES_MAX } from '../../src/model/limits.ts'
import { revisionOf } from '../../src/policy/canonical.ts'
import { PolicyError } from '../../src/policy/faults.ts'
import { loadPolicy, openPolicyDirectory, type PolicyDirectory, type RevisionArchive } from '../../src/policy/load.ts'
import { readPolicyDirectory } from '../../src/policy/read-directory.ts'

const catalogue = (title: string) =>
  `apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: s, owner: o }\npermissions:\n  a.read: { code: a.r, title: ${title} }\n`

interface Archive extends RevisionArchive {
  readonly kept: { revision: string; content: string; source: string }[]
  failing: boolean
}
/** What a database would do, in memory. */
function openArchive(): Archive {
  const kept: Archive['kept'] = []
  return {
    kept,
    failing: false,
    async activate(compiled, source) {
      if (this.failing) throw new Error('no database')
      if (kept.at(-1)?.revision !== compiled.revision) kept.push({ ...compiled, source })
    },
    findLast: async () => kept.at(-1),
  }
}

let directory: string
let lines: Record<string, unknown>[]
let archive: Archive
const opened: PolicyDirectory[] = []

async function open(nowMs = 1_000): Promise<PolicyDirectory> {
  const policy = await openPolicyDirectory({
    directory,
    archive,
    clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
    log: openLog('info', { write: (line) => lines.push(JSON.parse(line)) }),
    // Longer than any test: what changes is looked at when the test says so.
    intervalMs: 3_600_000,
  })
  opened.push(policy)
  return policy
}
const titleOf = (policy: PolicyDirectory) => policy.current().findPermission('a.read')?.title
const write = (name: string, text: string) => writeFile(join(directory, name), text)

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'castellan-policy-'))
  lines = []
  archive = openArchive()
})
afterEach(async () => {
  for (const policy of opened.splice(0)) await policy.close()
  await rm(directory, { recursive: true, force: true })
})

describe('opening', () => {
  it('serves good files and archives them first, with their canonical content', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    expect(policy.status()).toEqual({
      revision: policy.current().revision,
      loadedAtMs: 1_000,
      source: 'directory',
      permissions: 1,
      roles: 0,
      faults: [],
    })
    expect(archive.kept).toHaveLength(1)
    expect(revisionOf(archive.kept[0]?.content ?? '')).toBe(policy.current().revision)
    expect(archive.kept[0]?.source).toBe(directory)
  })

  it('with broken files serves the revision that was archived last, and says so', async () => {
    await write('a.yaml', catalogue('One'))
    const before = await open()
    await write('a.yaml', 'kind: [')
    const policy = await open(2_000)
    expect(policy.status()).toMatchObject({ revision: before.current().revision, source: 'stored', loadedAtMs: 2_000 })
    expect(policy.status().faults.join('\n')).toContain('a.yaml:1:8 error yaml-syntax')
    expect(titleOf(policy)).toBe('One')
  })

  it('with broken files and no archived revision refuses, with every fault', async () => {
    await write('a.yaml', catalogue('[]'))
    await write('b.yaml', 'kind: [')
    await expect(open()).rejects.toThrow(PolicyError)
    await expect(open()).rejects.toMatchObject({ code: 'policy_invalid', faults: [{ file: 'a.yaml' }, { file: 'b.yaml' }] })
  })

  it('with broken files and a damaged archived revision refuses', async () => {
    await write('a.yaml', catalogue('One'))
    await open()
    const last = archive.kept[0]
    if (last !== undefined) last.content = last.content.replace('One', 'Two')
    await write('a.yaml', 'kind: [')
    await expect(open()).rejects.toMatchObject({ code: 'policy_invalid' })
  })

  it('refuses when the archive fails: nothing is served that could not be kept', async () => {
    await write('a.yaml', catalogue('One'))
    archive.failing = true
    await expect(open()).rejects.toThrow('no database')
  })

  it('on a directory that is not there names it as unreadable', async () => {
    await rm(directory, { recursive: true })
    await expect(open()).rejects.toMatchObject({ faults: [{ file: '.', code: 'unreadable' }] })
  })
})

describe('a change', () => {
  it('is taken whole, and the old bundle stays as it was for those who hold it', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    const before = policy.current()
    expect(await policy.reload()).toBe('unchanged')
    await write('a.yaml', catalogue('Two'))
    expect(await policy.reload()).toBe('swapped')
    expect(titleOf(policy)).toBe('Two')
    expect(before.findPermission('a.read')?.title).toBe('One')
    expect(archive.kept).toHaveLength(2)
  })

  it('of comments alone changes nothing', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    await appendFile(join(directory, 'a.yaml'), '# a comment\n')
    expect(await policy.reload()).toBe('unchanged')
    expect(archive.kept).toHaveLength(1)
  })

  it('that is broken keeps the last good bundle, shows its faults and says them once', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    await write('a.yaml', 'kind: [')
    expect(await policy.reload()).toBe('refused')
    expect(await policy.reload()).toBe('refused')
    expect(titleOf(policy)).toBe('One')
    expect(policy.status()).toMatchObject({ source: 'directory', faults: [expect.stringContaining('yaml-syntax')] })
    expect(lines.filter((line) => line['level'] === 'error')).toHaveLength(1)
    await write('a.yaml', 'kind: {')
    await policy.reload()
    expect(lines.filter((line) => line['level'] === 'error')).toHaveLength(2)
    await write('a.yaml', catalogue('One'))
    expect(await policy.reload()).toBe('unchanged')
    expect(policy.status().faults).toEqual([])
  })

  it('takes force only once it is archived, and is tried again until it is', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    archive.failing = true
    await write('a.yaml', catalogue('Two'))
    expect(await policy.reload()).toBe('refused')
    expect(await policy.reload()).toBe('refused')
    expect(titleOf(policy)).toBe('One')
    expect(policy.status().faults).toEqual([expect.stringContaining('could not be archived yet')])
    expect(lines.filter((line) => line['level'] === 'error')).toHaveLength(1)
    archive.failing = false
    expect(await policy.reload()).toBe('swapped')
    expect(policy.status()).toMatchObject({ faults: [], source: 'directory' })
  })

  it('leaves the old bundle in force, whole, for as long as the archive has not answered', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    const before = { status: policy.status(), bundle: policy.current() }
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      archive.activate = () => {
        resolve()
        return new Promise((answered) => {
          answer = answered
        })
      }
    })
    await write('a.yaml', catalogue('Two'))
    const reloading = policy.reload()
    await asked
    const meanwhile = { status: policy.status(), bundle: policy.current() }
    answer()
    expect(meanwhile.bundle).toBe(before.bundle)
    expect(meanwhile.status).toEqual(before.status)
    expect(await reloading).toBe('swapped')
    expect(titleOf(policy)).toBe('Two')
  })

  it('that mends the files after a start from the store makes the directory the source again', async () => {
    await write('a.yaml', catalogue('One'))
    await open()
    await write('a.yaml', 'kind: [')
    const policy = await open()
    await write('a.yaml', catalogue('One'))
    expect(await policy.reload()).toBe('unchanged')
    expect(policy.status()).toMatchObject({ source: 'directory', faults: [] })
  })

  it('is seen when a ConfigMap swaps its links, twice', async () => {
    const swap = async (generation: string, title: string) => {
      await mkdir(join(directory, `..${generation}`))
      await writeFile(join(directory, `..${generation}`, 'a.yaml'), catalogue(title))
      await symlink(`..${generation}`, join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    }
    await swap('1', 'One')
    await symlink('..data/a.yaml', join(directory, 'a.yaml'))
    const policy = await open()
    expect(titleOf(policy)).toBe('One')
    await swap('2', 'Two')
    expect(await policy.reload()).toBe('swapped')
    expect(titleOf(policy)).toBe('Two')
    await rm(join(directory, '..1'), { recursive: true })
    await swap('3', 'Three')
    expect(await policy.reload()).toBe('swapped')
    expect(titleOf(policy)).toBe('Three')
    await unlink(join(directory, 'a.yaml'))
    expect(await policy.reload()).toBe('refused')
    expect(titleOf(policy)).toBe('Three')
  })

  it('is seen by the timer, without being asked', async () => {
    await write('a.yaml', catalogue('One'))
    const swapped = new Promise<void>((resolve) => {
      const activate = archive.activate.bind(archive)
      archive.activate = async (compiled, source) => {
        await activate(compiled, source)
        if (archive.kept.length === 2) resolve()
      }
    })
    const policy = await openPolicyDirectory({
      directory,
      archive,
      clock: { nowMs: () => 0, monotonicMs: () => 0 },
      log: openLog('silent'),
      intervalMs: 5,
    })
    opened.push(policy)
    await write('b.yaml', catalogue('B').replace('a.read', 'b.read').replace('a.r', 'b.r'))
    await swapped
    await policy.close()
    expect(policy.current().findPermission('b.read')?.title).toBe('B')
  })

  it('asked for many times at once is looked at in turn', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    await write('a.yaml', catalogue('Two'))
    const outcomes = await Promise.all([policy.reload(), policy.reload(), policy.reload()])
    expect(outcomes).toEqual(['swapped', 'unchanged', 'unchanged'])
  })
})

describe('reading a directory', () => {
  it('takes policy files of all folders, sorted, and leaves the rest', async () => {
    await mkdir(join(directory, 'b', 'c'), { recursive: true })
    await mkdir(join(directory, '.git'))
    for (const name of ['b/c/x.yml', 'b/y.json', 'a.yaml', 'schema.json', 'README.md', '.hidden.yaml', '.git/z.yaml'])
      await write(name, name)
    const { files, faults } = await readPolicyDirectory(directory)
    expect(files.map((file) => file.name)).toEqual(['a.yaml', 'b/c/x.yml', 'b/y.json'])
    expect(faults).toEqual([])
  })

  it('ends at a link that leads back to a folder above', async () => {
    await write('a.yaml', 'a')
    await symlink('.', join(directory, 'loop'))
    expect((await readPolicyDirectory(directory)).files.map((file) => file.name)).toEqual(['a.yaml'])
  })

  it('names a link that leads nowhere and a file that is too large', async () => {
    await symlink('nowhere', join(directory, 'a.yaml'))
    await write('b.yaml', 'x'.repeat(POLICY_FILE_BYTES_MAX + 1))
    expect((await readPolicyDirectory(directory)).faults.map((fault) => [fault.file, fault.code])).toEqual([
      ['a.yaml', 'unreadable'],
      ['b.yaml', 'too-large'],
    ])
  })

  it('with bytes that are no UTF-8 is a fault at the place', async () => {
    await writeFile(join(directory, 'a.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe, 0x00]))
    expect((await loadPolicy(directory)).faults).toMatchObject([{ file: 'a.yaml', line: 1, col: 4, code: 'not-text' }])
  })
})
