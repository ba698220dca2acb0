/** A policy is found as folder, git ref or revision; git is read without touching a checkout, bounded, and never as an option or a shell. */

import { rm, symlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openServiceClient } from '../../src/main/command-line/service-client.ts'
import { loadCandidate } from '../../src/main/policy-candidates.ts'
import { POLICY_FILE_BYTES_MAX } from '../../src/model/policy-limits.ts'
import { canonicalJson, revisionOf } from '../../src/policy/canonical.ts'
import { formatFault } from '../../src/policy/faults.ts'
import { type GitFolder, openGitFolder } from '../support/git-folder.ts'

const catalogue = (names: readonly string[]): string =>
  `apiVersion: castellan/v1\nkind: PermissionCatalogue\nmetadata: { service: pay, owner: o@example.org }\npermissions:\n${names
    .map((name) => `  pay.${name}: { code: p.${name}, title: ${name} }\n`)
    .join('')}`

let folder: GitFolder
let first: string
const noClient = () => Promise.reject(new Error('no service is asked'))
const load = (what: string, path = './policies') => loadCandidate(what, { path, client: noClient, directory: folder.directory })

async function permissionsOf(what: string, path?: string): Promise<readonly string[] | undefined> {
  const candidate = await load(what, path)
  if (candidate.kind !== 'files') throw new Error('not files')
  return candidate.reading.bundle?.permissions.map((permission) => permission.name)
}

beforeAll(async () => {
  folder = await openGitFolder()
  await folder.write({
    'policies/pay.yaml': catalogue(['a']),
    'policies/deep/more.yml': catalogue(['b']),
    'policies/schema.json': '{}',
    'policies/.hidden/x.yaml': 'no: policy',
    'policies/node_modules/x/x.yaml': 'no: policy',
    'policies/notes.txt': 'notes',
    'old policies/pay.yaml': catalogue(['z']),
  })
  first = folder.commit('first')
  folder.git('tag', 'v1')
  folder.git('branch', 'feature/more')
  await folder.write({ 'policies/pay.yaml': catalogue(['a', 'c']) })
  folder.commit('second')
  await folder.write({ 'policies/pay.yaml': catalogue(['a', 'd']) })
})
afterAll(() => folder.close())

describe('a candidate', () => {
  it('of a folder is what lies there now', async () => {
    expect(await permissionsOf('./policies')).toEqual(['pay.a', 'pay.b', 'pay.d'])
    expect(await permissionsOf('policies')).toEqual(['pay.a', 'pay.b', 'pay.d'])
  })

  it.each(['git:main', 'git:HEAD', 'main', 'HEAD', 'git:main:policies', 'git:main:./policies/'])(
    'of a git ref is what was committed, whatever lies there now: %s',
    async (what) => {
      expect(await permissionsOf(what)).toEqual(['pay.a', 'pay.b', 'pay.c'])
    },
  )

  it.each(['git:HEAD~1', 'v1', 'git:v1', 'feature/more', 'git:feature/more:policies'])(
    'of an earlier commit is what was then: %s',
    async (what) => {
      expect(await permissionsOf(what)).toEqual(['pay.a', 'pay.b'])
    },
  )

  it('of a whole commit id, and of another folder', async () => {
    expect(await permissionsOf(`git:${first}`)).toEqual(['pay.a', 'pay.b'])
    expect(await permissionsOf('git:v1:old policies')).toEqual(['pay.z'])
    expect(await permissionsOf('v1', 'old policies')).toEqual(['pay.z'])
  })

  it('keeps its files as they are, and says what it is', async () => {
    const candidate = await load('git:v1')
    expect(candidate.label).toBe(`v1:./policies (commit ${first.slice(0, 12)})`)
    expect(candidate.kind === 'files' && candidate.files.map((file) => file.name)).toEqual(['deep/more.yml', 'pay.yaml'])
    expect(candidate.kind === 'files' && candidate.files[1]?.text).toBe(catalogue(['a']))
  })

  it('is read without a change to the checkout', async () => {
    const before = folder.git('status', '--porcelain', '--branch')
    await load('git:v1')
    expect(folder.git('status', '--porcelain', '--branch')).toBe(before)
  })

  it.each([
    ['--output=x', 'There is no folder and no git ref "--output=x".'],
    ['git:--upload-pack=touch x', '"--upload-pack=touch x" is no git ref.'],
    ['git:', '"" is no git ref.'],
    ['git:nothing', 'There is no git commit "nothing" here'],
    ['git:v1:nothing', 'has no folder "nothing"'],
    ['git:v1:policies/pay.yaml/x', 'has no folder'],
    ['nothing', 'There is no folder and no git ref "nothing".'],
    ['./nothing', 'There is no folder and no git ref "./nothing".'],
    ['git:$(touch x)', 'There is no git commit'],
  ])('that is none is wrong usage: %s', async (what, message) => {
    await expect(load(what)).rejects.toMatchObject({ name: 'CommandError', exitCode: 2, message: expect.stringContaining(message) })
  })

  it.each(['active', 'git:main', '0123abcd'])(
    'named as a folder and as something else is wrong usage, and ./ says which: %s',
    async (what) => {
      await folder.write({ [`${what}/pay.yaml`]: catalogue(['f']) })
      await expect(load(what)).rejects.toMatchObject({
        exitCode: 2,
        message: `"${what}" is a folder here, and the name of something else too.`,
        hint: expect.stringContaining(`./${what}`),
      })
      expect(await permissionsOf(`./${what}`)).toEqual(['pay.f'])
      await rm(join(folder.directory, what), { recursive: true })
    },
  )

  it('of a commit has the faults that a folder would have: sizes; and a link or a submodule is one, whatever its name', async () => {
    folder.git('checkout', '--quiet', '--force', '-b', 'broken')
    await symlink('pay.yaml', join(folder.directory, 'policies/link.yaml'))
    await symlink('../old policies', join(folder.directory, 'policies/linked'))
    await symlink('pay.yaml', join(folder.directory, 'policies/.hidden-link'))
    await folder.write({ 'policies/large.yaml': `# ${'x'.repeat(POLICY_FILE_BYTES_MAX)}` })
    folder.commit('broken')
    folder.git('update-index', '--add', '--cacheinfo', `160000,${first},policies/module`)
    folder.git('commit', '--quiet', '--message', 'submodule')
    const candidate = await load('git:broken')
    expect(candidate.kind === 'files' && candidate.reading.bundle).toBeUndefined()
    expect(candidate.kind === 'files' && candidate.reading.faults.map(formatFault)).toEqual([
      `large.yaml:1:1 error too-large the file is larger than ${POLICY_FILE_BYTES_MAX} bytes — split it`,
      'link.yaml:1:1 error unreadable the file is a link, which a commit does not follow — commit what it leads to in its place',
      'linked:1:1 error unreadable the file is a link, which a commit does not follow — commit what it leads to in its place',
      'module:1:1 error unreadable the folder is a submodule, whose files are not in this commit — commit its policy files here',
    ])
  })
})

describe('a candidate of a revision', () => {
  let server: Server
  const asked: (string | undefined)[] = []
  let answer: unknown
  const loadRevision = (what: string) =>
    loadCandidate(what, {
      path: './policies',
      client: async () => openServiceClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key'),
      directory: folder.directory,
    })
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => new Promise((resolve) => server.close(resolve)))

  it.each(['active', '0123abcd', '0'.repeat(64)])('is asked from the service: %s', async (what) => {
    const source = await load('git:v1')
    const bundle = source.kind === 'files' ? source.reading.bundle : undefined
    if (bundle === undefined) throw new Error('no bundle')
    answer = { revision: {}, bundle }
    expect(await loadRevision(what)).toMatchObject({ kind: 'revision', revision: revisionOf(canonicalJson(bundle)), bundle })
    expect(asked.at(-1)).toBe(`/v1/policy/revisions/${what}`)
  })

  it('that is no bundle is refused', async () => {
    answer = { revision: {}, bundle: { permissions: 'all' } }
    await expect(loadRevision('active')).rejects.toMatchObject({ exitCode: 1, message: 'The service answered no policy bundle.' })
  })
})
