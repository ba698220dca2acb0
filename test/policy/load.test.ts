/** A directory that changes: swapped whole, never broken, and remembered over a restart. */
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { openLog } from '../../src/ground/log.ts'
import { POLICY_ENTRIES_MAX, POLICY_FILE_BYTES_MAX } from '../../src/model/policy-limits.ts'
import { canonicalJson, revisionOf } from '../../src/policy/canonical.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { PolicyError } from '../../src/policy/faults.ts'
import { PolicyInForce } from '../../src/policy/in-force.ts'
import { loadPolicy, openPolicyDirectory, type PolicyDirectory, readPolicyFiles } from '../../src/policy/load.ts'
import { readPolicyDirectory } from '../../src/policy/read-directory.ts'
import { bundleOf } from '../support/house.ts'

const catalogue = (title: string) =>
  `apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: s, owner: o }\npermissions:\n  a.read: { code: a.r, title: ${title} }\n`

interface Proposal {
  readonly revision: string
  readonly content: string
  readonly source: string
}

/** One replica and the feed it follows, as far as a directory has to do with them. */
class Replica {
  readonly activated: Proposal[] = []
  failing = false
  readonly inForce = new PolicyInForce({
    findRevision: async (revision) => this.activated.find((kept) => kept.revision === revision)?.content,
  })

  async activate(compiled: { readonly revision: string; readonly content: string }, source: string): Promise<void> {
    if (this.failing) throw new Error('no database')
    this.activated.push({ ...compiled, source })
    await this.inForce.adopt(compiled.revision, this.activated.length)
  }

  /** The one after a restart: it has adopted what is in force by the feed. */
  async restarted(): Promise<Replica> {
    const next = new Replica()
    next.activated.push(...this.activated)
    const last = this.activated.at(-1)
    if (last !== undefined) await next.inForce.adopt(last.revision, this.activated.length)
    return next
  }
}

let directory: string
let lines: Record<string, unknown>[]
let replica: Replica
const opened: PolicyDirectory[] = []

async function open(nowMs = 1_000): Promise<PolicyDirectory> {
  const policy = await openPolicyDirectory(
    {
      directory,
      inForce: replica.inForce,
      propose: (compiled, source) => replica.activate(compiled, source),
      clock: { nowMs: () => nowMs },
      log: openLog('info', { write: (line) => lines.push(JSON.parse(line)) }),
      // Longer than any test: what changes is looked at when the test says so.
      intervalMs: 3_600_000,
    },
    await readPolicyFiles(directory),
  )
  opened.push(policy)
  return policy
}
const titleInForce = () => replica.inForce.current().findPermission('a.read')?.title
const write = (name: string, text: string) => writeFile(join(directory, name), text)

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'castellan-policy-'))
  lines = []
  replica = new Replica()
})
afterEach(async () => {
  for (const policy of opened.splice(0)) await policy.close()
  await rm(directory, { recursive: true, force: true })
})

describe('opening', () => {
  it('proposes good files with their canonical content, and serves what is in force then', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    expect(policy.status()).toEqual({
      revision: replica.inForce.revision,
      loadedAtMs: 1_000,
      source: 'directory',
      permissions: 1,
      roles: 0,
      faults: [],
    })
    expect(replica.activated).toHaveLength(1)
    expect(revisionOf(replica.activated[0]?.content ?? '')).toBe(replica.inForce.revision)
    expect(replica.activated[0]?.source).toBe(directory)
  })

  it('proposes nothing when what is in force is what lies there', async () => {
    await write('a.yaml', catalogue('One'))
    await open()
    replica = await replica.restarted()
    const policy = await open()
    expect(replica.activated).toHaveLength(1)
    expect(policy.status()).toMatchObject({ source: 'directory', faults: [] })
  })

  it('proposes its files when others are in force: the last start wins', async () => {
    await write('a.yaml', catalogue('One'))
    await open()
    replica = await replica.restarted()
    await write('a.yaml', catalogue('Two'))
    const policy = await open()
    expect(titleInForce()).toBe('Two')
    expect(policy.status()).toMatchObject({ source: 'directory', faults: [] })
  })

  it('with broken files serves the revision in force, and says so', async () => {
    await write('a.yaml', catalogue('One'))
    await open()
    const { revision } = replica.inForce
    replica = await replica.restarted()
    await write('a.yaml', 'kind: [')
    const policy = await open(2_000)
    expect(policy.status()).toMatchObject({ revision, source: 'stored', loadedAtMs: 2_000 })
    expect(policy.status().faults.join('\n')).toContain('a.yaml:1:8 error yaml-syntax')
    expect(titleInForce()).toBe('One')
  })

  it('with broken files and no revision in force refuses, with every fault', async () => {
    await write('a.yaml', catalogue('[]'))
    await write('b.yaml', 'kind: [')
    await expect(open()).rejects.toThrow(PolicyError)
    await expect(open()).rejects.toMatchObject({ code: 'policy_invalid', faults: [{ file: 'a.yaml' }, { file: 'b.yaml' }] })
  })

  it('refuses when the proposal fails: nothing is served that could not be kept', async () => {
    await write('a.yaml', catalogue('One'))
    replica.failing = true
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
    const before = replica.inForce.current()
    expect(await policy.reload()).toBe('unchanged')
    await write('a.yaml', catalogue('Two'))
    expect(await policy.reload()).toBe('swapped')
    expect(titleInForce()).toBe('Two')
    expect(before.findPermission('a.read')?.title).toBe('One')
    expect(replica.activated).toHaveLength(2)
  })

  it('of comments alone changes nothing', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    await appendFile(join(directory, 'a.yaml'), '# a comment\n')
    expect(await policy.reload()).toBe('unchanged')
    expect(replica.activated).toHaveLength(1)
  })

  it('that is broken keeps the last good bundle, shows its faults and says them once', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    await write('a.yaml', 'kind: [')
    expect(await policy.reload()).toBe('refused')
    expect(await policy.reload()).toBe('refused')
    expect(titleInForce()).toBe('One')
    expect(policy.status()).toMatchObject({ source: 'directory', faults: [expect.stringContaining('yaml-syntax')] })
    expect(lines.filter((line) => line['level'] === 'error')).toHaveLength(1)
    await write('a.yaml', 'kind: {')
    await policy.reload()
    expect(lines.filter((line) => line['level'] === 'error')).toHaveLength(2)
    await write('a.yaml', catalogue('One'))
    expect(await policy.reload()).toBe('unchanged')
    expect(policy.status().faults).toEqual([])
  })

  it('takes force only once it is activated, and is tried again until it is', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    replica.failing = true
    await write('a.yaml', catalogue('Two'))
    expect(await policy.reload()).toBe('refused')
    expect(await policy.reload()).toBe('refused')
    expect(titleInForce()).toBe('One')
    expect(policy.status().faults).toEqual([expect.stringContaining('could not be activated yet')])
    expect(lines.filter((line) => line['level'] === 'error')).toHaveLength(1)
    replica.failing = false
    expect(await policy.reload()).toBe('swapped')
    expect(policy.status()).toMatchObject({ faults: [], source: 'directory' })
  })

  it('leaves the old bundle in force, whole, for as long as the activation has not come', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    const before = { status: policy.status(), bundle: replica.inForce.current() }
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      const activate = replica.activate.bind(replica)
      replica.activate = async (compiled, source) => {
        resolve()
        await new Promise<void>((answered) => {
          answer = answered
        })
        await activate(compiled, source)
      }
    })
    await write('a.yaml', catalogue('Two'))
    const reloading = policy.reload()
    await asked
    const meanwhile = { status: policy.status(), bundle: replica.inForce.current() }
    answer()
    expect(meanwhile.bundle).toBe(before.bundle)
    expect(meanwhile.status).toEqual(before.status)
    expect(await reloading).toBe('swapped')
    expect(titleInForce()).toBe('Two')
  })

  it('that mends the files after a start from the store makes the directory the source again', async () => {
    await write('a.yaml', catalogue('One'))
    await open()
    replica = await replica.restarted()
    await write('a.yaml', 'kind: [')
    const policy = await open()
    expect(policy.status()).toMatchObject({ source: 'stored' })
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
    expect(titleInForce()).toBe('One')
    await swap('2', 'Two')
    expect(await policy.reload()).toBe('swapped')
    expect(titleInForce()).toBe('Two')
    await rm(join(directory, '..1'), { recursive: true })
    await swap('3', 'Three')
    expect(await policy.reload()).toBe('swapped')
    expect(titleInForce()).toBe('Three')
    await unlink(join(directory, 'a.yaml'))
    expect(await policy.reload()).toBe('refused')
    expect(titleInForce()).toBe('Three')
  })

  it('is seen by the timer, without being asked', async () => {
    await write('a.yaml', catalogue('One'))
    const swapped = new Promise<void>((resolve) => {
      const activate = replica.activate.bind(replica)
      replica.activate = async (compiled, source) => {
        await activate(compiled, source)
        if (replica.activated.length === 2) resolve()
      }
    })
    const policy = await openPolicyDirectory(
      {
        directory,
        inForce: replica.inForce,
        propose: (compiled, source) => replica.activate(compiled, source),
        clock: { nowMs: () => 0 },
        log: openLog('silent'),
        intervalMs: 5,
      },
      await readPolicyFiles(directory),
    )
    opened.push(policy)
    await write('b.yaml', catalogue('B').replace('a.read', 'b.read').replace('a.r', 'b.r'))
    await swapped
    await policy.close()
    expect(replica.inForce.current().findPermission('b.read')?.title).toBe('B')
  })

  it('asked for many times at once is looked at in turn', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    await write('a.yaml', catalogue('Two'))
    const outcomes = await Promise.all([policy.reload(), policy.reload(), policy.reload()])
    expect(outcomes).toEqual(['swapped', 'unchanged', 'unchanged'])
  })
})

describe('a revision that somebody else activated', () => {
  const other = compilePolicy(bundleOf({ r: ['other.read'] }))
  const supersede = () => replica.activate({ revision: other.revision, content: canonicalJson(other.bundle) }, 'elsewhere')

  it('is served, is not what the directory says, and is not taken back before the files change', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    const ours = policy.status().revision
    await supersede()
    expect(policy.status()).toMatchObject({ revision: other.revision, source: 'stored', permissions: 1, roles: 1 })
    expect(policy.status().faults).toEqual([expect.stringContaining(`revision ${ours} of the files here is not in force`)])
    expect(await policy.reload()).toBe('unchanged')
    expect(await policy.reload()).toBe('unchanged')
    expect(replica.inForce.revision).toBe(other.revision)
    await appendFile(join(directory, 'a.yaml'), '# touched\n')
    expect(await policy.reload()).toBe('swapped')
    expect(policy.status()).toMatchObject({ revision: ours, source: 'directory', faults: [] })
  })

  it('is told in the log, with when and in place of what it took force', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    const before = policy.status().revision
    await supersede()
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: 'policy revision in force', revision: other.revision, before, source: 'stored' }),
    )
  })

  it('makes the directory the source when it is that of the files here', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    const ours = replica.activated[0]
    await supersede()
    if (ours !== undefined) await replica.activate(ours, 'elsewhere')
    expect(policy.status()).toMatchObject({ revision: ours?.revision, source: 'directory', faults: [] })
  })

  it('leaves nothing to tell once no policy is in force any more: the status fails as unavailable', async () => {
    await write('a.yaml', catalogue('One'))
    const policy = await open()
    replica.inForce.forget()
    expect(() => policy.status()).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
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

  it('reads a folder once, whatever links lead to it, and names the others: links between folders end', async () => {
    const folders = Array.from({ length: 9 }, (_, index) => `d${index}`)
    for (const folder of folders) {
      await mkdir(join(directory, folder))
      for (const other of folders) await symlink(`../${other}`, join(directory, folder, `l-${other}`))
      await write(`${folder}/a.yaml`, 'a')
    }
    const { files, faults } = await readPolicyDirectory(directory)
    expect(files).toHaveLength(9)
    expect(faults.find((fault) => fault.file === 'd3')).toMatchObject({
      code: 'unreadable',
      message: 'the folder is d0/l-d1/l-d2/l-d3 under another name',
    })
    expect(new Set(faults.map((fault) => fault.code))).toEqual(new Set(['unreadable']))
  })

  it('reads the folders of a mounted ConfigMap through their links', async () => {
    await mkdir(join(directory, '..2026', 'office'), { recursive: true })
    await write('..2026/office/a.yaml', 'a')
    await symlink('..2026', join(directory, '..data'))
    await symlink('..data/office', join(directory, 'office'))
    expect(await readPolicyDirectory(directory)).toEqual({ files: [{ name: 'office/a.yaml', text: 'a' }], faults: [] })
  })

  it('ends at too many entries, of whatever kind, and reads none', async () => {
    await write('a.yaml', 'a')
    await mkdir(join(directory, 'b'))
    for (let index = 0; index < POLICY_ENTRIES_MAX; index += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, (_, other) => write(`b/${index + other}.md`, '')))
    const { files, faults } = await readPolicyDirectory(directory)
    expect(files).toEqual([])
    expect(faults).toMatchObject([{ file: '.', code: 'too-large', message: 'more than 20000 files and folders of any kind' }])
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
