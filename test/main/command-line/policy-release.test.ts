/** How a policy is published, takes force and is taken back at the command line. Against a real service. */
import { execFileSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { registerReplica } from '../../../src/store/replicas.ts'
import { AFTER, BEFORE, openReleaseDesk, policyOf, type ReleaseDesk } from './release-desk.ts'

let desk: ReleaseDesk
let first: string
beforeAll(async () => {
  desk = await openReleaseDesk()
  first = await inForce()
})
afterAll(() => desk?.close())

const policy = (...args: readonly string[]) => desk.run(['policy', ...args])
const inForce = async (): Promise<string> => JSON.parse((await policy('status', '-o', 'json')).out).revision
const REASON = ['--reason', 'test']

/** Another policy each time. */
let made = 0
const another = () => desk.folder(BEFORE.replace('title: Reader,', `title: Reader ${++made},`))

async function publish(folder: string): Promise<string> {
  const { out } = await policy('publish', folder, '--no-git', '--no-plan', '-o', 'json')
  return JSON.parse(out).published.revision.revision
}

describe('policy publish', () => {
  it('keeps the files as a revision, says who would now break a constraint, and puts nothing in force', async () => {
    const { code, out, err } = await policy('publish', desk.folder(AFTER), '--no-git')
    const [, revision = ''] = /^published: ([0-9a-f]{64}) /.exec(out) ?? []
    const short = revision.slice(0, 12)
    expect({ code, err, out: out.replace(/position \d+/, 'position N') }).toEqual({
      code: 0,
      err: '',
      out: `published: ${revision} (position N)
if it were in force: 5 of 6 pairs of user and tenant that hold a changed role are affected. Not counted: 1 pair whose account or tenant is closed (deactivated, invited, suspended). Permissions: gained 2, lost 2, widened 0, narrowed 1, changed 0.
would now break a constraint:
  four-eyes: 1 pair of user and tenant
breaks    cleo  south  four-eyes: finance.payout.create (by clerk) and finance.payout.approve (by approver) would be held together; at most 1 of them
next: castellan policy plan ${short} --people; castellan policy activate ${short} --reason …
`,
    })
    expect(await inForce()).toBe(first)
  })

  it('counts people where the key may not see them', async () => {
    const { code, out } = await desk.run(['policy', 'publish', desk.folder(AFTER), '--no-git'], desk.publisherKey)
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('  four-eyes: 1 pair of user and tenant\nnext:') })
    expect(out).toContain('was published before')
    expect(out).not.toContain('cleo')
    const json = JSON.parse((await desk.run(['policy', 'publish', desk.folder(AFTER), '--no-git', '-o', 'json'], desk.publisherKey)).out)
    expect(json).toMatchObject({ published: { changed: false }, plan: { pairsAffected: 5 } })
    expect(JSON.stringify(json)).not.toContain('cleo')
  })

  it('refuses broken files with every fault and its place, and failing tests, before anything is sent', async () => {
    const nobody = { environment: { CASTELLAN_URL: 'http://127.0.0.1:1', CASTELLAN_KEY: 'none' } }
    const broken = desk.folder(BEFORE.replace('[finance.read, ', '[finance.raed, ').replace('title: Old', 'titel: Old'))
    const refused = await desk.run(['policy', 'publish', broken], undefined, nobody)
    expect(refused).toMatchObject({ code: 3, out: '' })
    expect(refused.err.split('\n').filter((line) => /^policy\.yaml:\d+:\d+ error /.test(line)).length).toBeGreaterThanOrEqual(2)
    const test = `---
apiVersion: castellan/v1
kind: PolicyTest
metadata: { name: office }
people: { ann: { roles: [reader] } }
tests: [{ name: a reader holds nothing, person: ann, exactly: [] }]
`
    const failing = await desk.run(['policy', 'publish', desk.folder(`${BEFORE}${test}`)], undefined, nobody)
    expect(failing).toMatchObject({ code: 4, out: '', err: expect.stringContaining('failed  a reader holds nothing  policy.yaml:') })
    expect(failing.err).toContain('Policy tests failed: 1 of 1. Nothing was published.')
  })

  it('prints what the service refuses with file, line and column: a name that was in force and is gone without a tombstone', async () => {
    const lines = BEFORE.split('\n').filter((line) => !/^ {2}(finance\.payout\.approve|approver|cover):/.test(line))
    const gone = lines.join('\n')
    const { code, err } = await policy('publish', desk.folder(gone), '--no-git')
    expect({ code, err }).toMatchObject({ code: 3, err: expect.stringMatching(/policy_invalid[\s\S]*:1:1: error not-reserved /) })
  })

  it('can put it in force at once, and later', async () => {
    const now = await policy('publish', another(), '--no-git', '--activate', ...REASON)
    expect(now).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\nactivated [0-9a-f]{12}, before it [0-9a-f]{12} \(position \d+\)\nin force on every replica\n$/),
    })
    const later = await policy('publish', another(), '--no-git', '--activate', '--at', 'PT1H', ...REASON)
    const [, id = ''] = /\ncall it off: castellan policy schedule cancel (\S+)\n$/.exec(later.out) ?? []
    expect((await policy('schedule', 'cancel', id)).code).toBe(0)
    expect(await policy('publish', another(), '--no-git', '--at', 'PT1H')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--activate'),
    })
    await policy('activate', first, ...REASON)
  })

  it('notes who wrote it and the commit it was made from, when the folder is exactly as it was committed', async () => {
    const folder = another()
    const git = (...args: readonly string[]) =>
      execFileSync('git', ['-C', folder, '-c', 'init.defaultBranch=main', ...args], { encoding: 'utf8' }).trim()
    git('init', '-q')
    git('config', 'user.name', 'Ann Author')
    git('config', 'user.email', 'ann@example.org')
    git('add', '.')
    git('commit', '-q', '-m', 'begin')
    const head = git('rev-parse', 'HEAD')
    const latest = async () => JSON.parse((await policy('revisions', '-o', 'json')).out).revisions[0]
    expect((await policy('publish', folder, '--no-plan', '--message', 'as committed')).out).toContain(
      `\nauthor Ann Author <ann@example.org>, commit ${head}\n`,
    )
    expect(await latest()).toMatchObject({ author: 'Ann Author <ann@example.org>', sourceCommit: head, message: 'as committed' })
    appendFileSync(
      join(folder, 'policy.yaml'),
      '# not committed\n---\napiVersion: castellan/v1\nkind: RoleBundle\nmetadata: { name: more, owner: it@office.example }\nroles: { more: { title: More, permissions: [finance.read] } }\n',
    )
    expect(await policy('publish', folder, '--no-plan')).toMatchObject({
      code: 0,
      err: 'No commit is noted: 1 policy file not as committed (policy.yaml).\n',
    })
    expect(await latest()).not.toHaveProperty('sourceCommit')
    expect((await policy('publish', folder, '--no-plan', '--no-git', '-o', 'json')).err).toBe('')
  })
})

describe('policy activate and rollback', () => {
  it('refuse a time that is over before the service is asked: a mistyped year is not now', async () => {
    const nobody = { environment: { CASTELLAN_URL: 'http://127.0.0.1:1', CASTELLAN_KEY: 'none' } }
    const over = { code: 2, out: '', err: expect.stringContaining('--at: 2020-01-01T00:00:00.000Z is over.') }
    const at = ['--at', '2020-01-01T00:00:00Z', ...REASON]
    expect(await desk.run(['policy', 'activate', first, ...at], undefined, nobody)).toMatchObject(over)
    expect(await desk.run(['policy', 'publish', another(), '--no-git', '--activate', ...at], undefined, nobody)).toMatchObject(over)
  })

  it('say what is in force, what was, and what still waits for its time', async () => {
    const [one, two] = [await publish(another()), await publish(another())]
    const now = Date.parse('2026-12-01T06:00:00Z')
    const at = new Date(Math.max(now, Date.now() + 3_600_000)).toISOString()
    const scheduled = await policy('activate', two.slice(0, 8), '--at', at, ...REASON)
    const [, id = ''] = /\ncall it off: castellan policy schedule cancel (\S+)\n/.exec(scheduled.out) ?? []
    expect(scheduled.out).toMatch(new RegExp(`^${two.slice(0, 12)} will be activated at ${at} \\(position \\d+\\)\n`))
    const activated = await policy('activate', one, ...REASON)
    expect(activated.out.replace(/position \d+/, 'position N')).toBe(
      `activated ${one.slice(0, 12)}, before it ${first.slice(0, 12)} (position N)\nstill waiting: ${two.slice(0, 12)} at ${at} (${id})\nin force on every replica\n`,
    )
    expect(await inForce()).toBe(one)
    expect((await policy('schedule')).out).toMatch(new RegExp(`^AT .*\n${at} +${two.slice(0, 12)} +${id} +test\n$`))
    expect((await policy('schedule', 'cancel', id, ...REASON)).out).toBe(`called off: ${two.slice(0, 12)} will not be activated at ${at}\n`)
    expect((await policy('schedule', 'list')).out).toBe('none\n')
    const back = await policy('rollback', ...REASON)
    expect(back.out).toMatch(
      new RegExp(`^activated ${first.slice(0, 12)}, before it ${one.slice(0, 12)} \\(position \\d+\\)\nin force on every replica\n$`),
    )
    expect((await policy('rollback', '--to', first, ...REASON)).out).toMatch(
      / was in force already \(position \d+\)\nin force on every replica\n$/,
    )
    expect(await inForce()).toBe(first)
  })

  it('refuse what is no revision, a time that is none, and an activation without a reason', async () => {
    expect(await policy('activate', '0123456789', ...REASON)).toMatchObject({ code: 1, err: expect.stringContaining('not_found') })
    expect(await policy('activate', first, '--at', 'tomorrow', ...REASON)).toMatchObject({ code: 2, err: expect.stringContaining('--at') })
    expect(await policy('activate', first)).toMatchObject({ code: 2, err: expect.stringContaining('--reason') })
    expect(await desk.run(['policy', 'activate', first, ...REASON], desk.wires.keys.decide)).toMatchObject({
      code: 1,
      err: expect.stringContaining('permission_denied'),
    })
  })
})

describe('what is in force', () => {
  it('is told as history, newest first', async () => {
    await policy('activate', await publish(another()), ...REASON)
    await policy('rollback', ...REASON)
    const lines = (await policy('history', '--limit', '2')).out.split('\n')
    expect(lines[0]).toMatch(/^FROM +REVISION +BY$/)
    expect(lines[1]).toMatch(new RegExp(` ${first.slice(0, 12)} +admin-key$`))
    expect(lines[3]).toBe('… and more: raise --limit')
  })

  it('is told by replica, with who lags behind', async () => {
    expect((await policy('replicas')).out).toMatch(
      new RegExp(
        `^REPLICA .*\n${desk.wires.house.replicaId} +${first.slice(0, 12)} .*\nthe only replica answers by ${first.slice(0, 12)}, the revision in force\n$`,
      ),
    )
    const silent = '00000000-0000-7000-8000-000000000000'
    await registerReplica(desk.wires.house.database, silent)
    const { out } = await policy('replicas')
    expect(out).toMatch(/^00000000-0000-7000-8000-000000000000 +none yet .* behind$/m)
    expect(out).toMatch(/\n1 of 2 does not answer by [0-9a-f]{12}, the revision in force\n$/)
    expect(JSON.parse((await policy('replicas', '-o', 'json')).out)).toMatchObject({ inForce: first, replicas: [{}, {}] })
  })

  it('is told with what was published', async () => {
    expect((await policy('revisions')).out).toMatch(
      new RegExp(`^REVISION +CREATED +LAST IN FORCE +AUTHOR +COMMIT +MESSAGE\n[\\s\\S]*^${first.slice(0, 12)} `, 'm'),
    )
    expect((await policy('status')).out).toMatch(new RegExp(`^revision: +${first}\n`))
  })
})

describe('policy budget', () => {
  it('names the largest claim of somebody who holds it', async () => {
    expect((await policy('budget')).out).toBe(
      `revision ${first.slice(0, 12)}; a claim of at most 1000 characters travels
sets of roles that somebody holds: 4; pairs of user and tenant by form: codes 4, bits 0, overage 0
largest: cleo at south with approver, clerk: 3 permissions, 13 characters of codes; travels as codes
`,
    )
  })

  it('measures any roles together, by the bits that the service gave out, or says that it does not know them', async () => {
    // Before all others by name, and after them in the index of the service: a byte later.
    const many = Array.from({ length: 200 }, (_, index) =>
      `archive.book${index}.read`.replace(/\d+/, (digits) => [...digits].map((digit) => 'abcdefghij'[Number(digit)]).join('')),
    )
    const large = desk.folder(
      policyOf(`  reader-of-all: { title: All, permissions: [${many.join(', ')}] }\n`).replace(
        '---\n',
        `${many.map((name, index) => `  ${name}: { code: book.${index}.read, title: Read ${index} }\n`).join('')}---\n`,
      ),
    )
    const known = await policy('budget', large, '--roles', 'reader-of-all')
    expect(known).toMatchObject({ code: 0, err: '' })
    expect(known.out).toMatch(
      /^reader-of-all in [0-9a-f]{12}: 200 permissions, 2689 characters of codes; travels as bits \(35 characters\); at most 1000 travel\n$/,
    )
    const alone = await desk.run(['policy', 'budget', large, '--roles', 'reader-of-all'], undefined, {
      environment: { CASTELLAN_URL: 'http://127.0.0.1:1' },
    })
    expect(alone).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        / travels as bits \(34 characters\).*\nbits are those of an index that begins with this policy: the service's was not read \(No answer from /,
      ),
    })
    expect(await policy('budget', large, '--roles', 'reader-of-al')).toMatchObject({
      code: 2,
      err: 'castellan: --roles: there is no role reader-of-al.\nDid you mean reader-of-all?\n',
    })
    expect(await policy('budget', large)).toMatchObject({ code: 2 })
  })
})
