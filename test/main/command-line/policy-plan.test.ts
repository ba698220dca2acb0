/** What `castellan policy plan` says of a candidate, in each form, and when it refuses. Against a real service. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { AFTER, BEFORE, openReleaseDesk, type ReleaseDesk } from './release-desk.ts'

let desk: ReleaseDesk
let after: string
/** Of the plan from BEFORE to AFTER. */
let shown: { readonly from: string; readonly to: string; readonly position: number }
beforeAll(async () => {
  desk = await openReleaseDesk()
  after = desk.folder(AFTER)
  await desk.run(['policy', 'publish', after, '--no-git', '--no-plan'])
  const { from, to, summary } = JSON.parse((await plan('-o', 'json')).out)
  shown = { from: from.slice(0, 12), to: to.slice(0, 12), position: summary.positionFirst }
})
afterAll(() => desk?.close())

function plan(...args: readonly string[]) {
  return desk.run(['policy', 'plan', after, ...args])
}

const PRETTY = () => `plan: ${shown.from} → ${shown.to}
~ role clerk
    ~ finance.payout.create: always → when amount at most 100
~ role coder
    - coding.medical-stay.validate
~ role cover
    + finance.read
~ role reader
    + coding.medical-stay.validate
- role old
    - finance.read
+ constraint four-eyes: nobody holds both finance.payout.create and finance.payout.approve in one tenant at one time

5 of 6 pairs of user and tenant that hold a changed role are affected. Not counted: 1 pair whose account or tenant is closed (deactivated, invited, suspended).
EFFECTS          GAINED  LOST  WIDENED  NARROWED  CHANGED
all              2       2     0        1         0
of these, later  1       0     0        0         0

ROLE    PAIRS  GAINED  LOST  WIDENED  NARROWED  CHANGED
clerk   1      0       0     0        1         0
coder   1      0       1     0        0         0
cover   1      1       0     0        0         0
old     1      0       1     0        0         0
reader  1      1       0     0        0         0

TENANT  PAIRS  GAINED  LOST  WIDENED  NARROWED  CHANGED
south   3      1       1     0        1         0
north   2      1       1     0        0         0

PERMISSION                    RISK    GAINED  LOST  WIDENED  NARROWED  CHANGED
coding.medical-stay.validate  high    1       1     0        0         0
finance.payout.create         high    0       0     0        1         0
finance.read                  normal  1       1     0        0         0

Would now break a constraint:
  four-eyes  pairs 1

Roles that are held and would be gone:
  old  pairs 1

Read at position ${shown.position}.
`

const MARKDOWN = () => `### Policy plan

\`${shown.from}\` → \`${shown.to}\`: 5 of 6 pairs of user and tenant that hold a changed role are affected. Not counted: 1 pair whose account or tenant is closed (deactivated, invited, suspended).

|  | gained | lost | widened | narrowed | changed |
| --- | --: | --: | --: | --: | --: |
| all | 2 | 2 | 0 | 1 | 0 |
| of these, later | 1 | 0 | 0 | 0 | 0 |

**Would now break a constraint:**

|  | pairs |
| --- | --: |
| \`four-eyes\` | 1 |

**Roles that are held and would be gone:**

|  | pairs |
| --- | --: |
| \`old\` | 1 |

<details><summary>What changes in the policy, in lines (11)</summary>

\`\`\`diff
~ role clerk
~   finance.payout.create: always → when amount at most 100
~ role coder
-   coding.medical-stay.validate
~ role cover
+   finance.read
~ role reader
+   coding.medical-stay.validate
- role old
-   finance.read
+ constraint four-eyes: nobody holds both finance.payout.create and finance.payout.approve in one tenant at one time
\`\`\`

</details>

<details><summary>By role (5)</summary>

| role | pairs | gained | lost | widened | narrowed | changed |
| --- | --: | --: | --: | --: | --: | --: |
| \`clerk\` | 1 | 0 | 0 | 0 | 1 | 0 |
| \`coder\` | 1 | 0 | 1 | 0 | 0 | 0 |
| \`cover\` | 1 | 1 | 0 | 0 | 0 | 0 |
| \`old\` | 1 | 0 | 1 | 0 | 0 | 0 |
| \`reader\` | 1 | 1 | 0 | 0 | 0 | 0 |

</details>

<details><summary>By permission (3)</summary>

| permission | risk | gained | lost | widened | narrowed | changed |
| --- | --: | --: | --: | --: | --: | --: |
| \`coding.medical-stay.validate\` | high | 1 | 1 | 0 | 0 | 0 |
| \`finance.payout.create\` | high | 0 | 0 | 0 | 1 | 0 |
| \`finance.read\` | normal | 1 | 1 | 0 | 0 | 0 |

</details>

Read at position ${shown.position}.
`

const PEOPLE = ['ann', 'bob', 'cleo', 'dan', 'eve', 'fay']

describe('policy plan', () => {
  it('tells in words what changes, for how many, and what would break', async () => {
    expect(await plan()).toEqual({ code: 0, out: PRETTY(), err: '' })
  })

  it('names each person with each effect and its first instant when told to, before the sums', async () => {
    const { code, out } = await plan('--people')
    const [people = '', sums] = [out.slice(0, out.indexOf('\nplan:')), out.slice(out.indexOf('plan:'))]
    expect({ code, sums }).toEqual({ code: 0, sums: PRETTY() })
    expect(people.trimEnd().split('\n').sort()).toEqual([
      'breaks    cleo  south  four-eyes: finance.payout.create (by clerk) and finance.payout.approve (by approver) would be held together; at most 1 of them',
      'gained    bob  north  coding.medical-stay.validate',
      `gained    eve  south  finance.read  (from ${desk.coverFrom})`,
      'lost      ann  north  coding.medical-stay.validate',
      'lost      fay  south  finance.read',
      'narrowed  cleo  south  finance.payout.create',
      'narrowed  dan  south  finance.payout.create  (closed now)',
    ])
  })

  it('writes one JSON document without people, and lines as they come with them, of which the last one is the end', async () => {
    const document = JSON.parse((await plan('-o', 'json')).out)
    const none = { gained: 0, lost: 0, widened: 0, narrowed: 0, changed: 0 }
    expect(document).toMatchObject({
      changedRoles: expect.arrayContaining(['clerk', 'coder', 'cover', 'old', 'reader']),
      summary: {
        pairs: 6,
        pairsAffected: 5,
        pairsDormant: 1,
        effects: { ...none, gained: 2, lost: 2, narrowed: 1 },
        later: { ...none, gained: 1 },
        breaches: [{ constraint: 'four-eyes', pairs: 1 }],
        rolesGone: [{ role: 'old', pairs: 1 }],
      },
    })
    expect(document).not.toHaveProperty('gates')
    const lines = (await plan('-o', 'json', '--people', '--max-lost', '3')).out.trimEnd().split('\n')
    const events = lines.map((line) => JSON.parse(line))
    expect(events[0]).toMatchObject({ event: 'begin', to: document.to })
    expect(events.at(-2)).toEqual({ event: 'gates', refused: [] })
    expect(events.at(-1)).toEqual({ event: 'end', summary: document.summary })
    const named = events.filter(({ event }) => event === 'effects').flatMap(({ items }) => items.map(({ user }: { user: string }) => user))
    expect(named.sort()).toEqual(PEOPLE)
  })

  it('writes Markdown that names no people, and tenants only when told to', async () => {
    expect(await plan('--markdown')).toEqual({ code: 0, out: MARKDOWN(), err: '' })
    for (const name of [...PEOPLE, 'north', 'south']) expect(MARKDOWN()).not.toMatch(new RegExp(`\\b${name}\\b`))
    const { out } = await plan('--markdown', '--tenants')
    expect(out).toContain('| `south` | 3 | 1 | 1 | 0 | 1 | 0 |')
    for (const name of PEOPLE) expect(out).not.toMatch(new RegExp(`\\b${name}\\b`))
  })

  it('says when the two mean the same', async () => {
    const { code, out } = await desk.run(['policy', 'plan', desk.folder(`# other words\n${BEFORE}`)])
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\nThe two policies mean the same\.\n\nNobody holds a role that changes\.\n\nRead at position \d+\.\n$/),
    })
  })

  it('plans a published revision by its prefix, for who may publish and sees nobody', async () => {
    const { out, code } = await desk.run(['policy', 'plan', shown.to, '-o', 'json'], desk.publisherKey)
    expect({ code, affected: JSON.parse(out).summary.pairsAffected }).toEqual({ code: 0, affected: 5 })
    expect(await desk.run(['policy', 'plan', shown.to, '--people'], desk.publisherKey)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('permission_denied'),
    })
  })

  it('prints every fault of broken files with its place and exits 3, without asking the service', async () => {
    const broken = desk.folder({ 'a.yaml': BEFORE.replace('finance.read,', 'finance.raed,'), 'b.yaml': 'kind: Nothing\n' })
    const nobody = { environment: { CASTELLAN_URL: 'http://127.0.0.1:1', CASTELLAN_KEY: 'none' } }
    const pretty = await desk.run(['policy', 'plan', broken], undefined, nobody)
    expect(pretty).toMatchObject({ code: 3, out: '' })
    expect(pretty.err).toMatch(/^a\.yaml:\d+:\d+ error unknown-permission .*— did you mean "finance\.read"\?$/m)
    expect(pretty.err).toMatch(/^b\.yaml:1:\d+ error/m)
    const { code, out } = await desk.run(['policy', 'plan', broken, '-o', 'json'], undefined, nobody)
    expect({ code, valid: JSON.parse(out).valid }).toEqual({ code: 3, valid: false })
  })
})

describe('the gates of a plan', () => {
  const refused = async (...args: readonly string[]) => {
    const { code, err } = await plan(...args)
    return { code, err }
  }

  it('exit 5 with a sentence each, after the whole plan', async () => {
    const all = await plan('--max-lost', '2', '--max-gained=1', '--protect', 'finance.*', '--require-approval-for', 'risk:high')
    expect(all).toMatchObject({ code: 5, out: PRETTY() })
    expect(all.err.trimEnd().split('\n')).toEqual([
      'castellan: The gates refuse this policy:',
      expect.stringMatching(/^ {2}max-lost: people would lose 3 \(2 lost, 1 narrowed, 0 changed\)/),
      expect.stringMatching(/^ {2}max-gained: people would gain 2 /),
      expect.stringMatching(/^ {2}protected finance\.\*: /),
      expect.stringMatching(/coding\.medical-stay\.validate/),
    ])
    const { gates } = JSON.parse((await plan('--max-lost', '2', '-o', 'json')).out)
    expect(gates.refused).toEqual([expect.stringMatching(/^max-lost: /)])
  })

  it('pass at their bound, and what is approved by somebody who is named', async () => {
    expect(await plan('--max-lost', '3', '--max-gained', '2', '--protect', 't.0')).toEqual({
      code: 0,
      out: `${PRETTY()}Gates passed.\n`,
      err: '',
    })
    expect(await plan('--require-approval-for', 'risk:high', '--approved-by', 'Cleo, ticket 4711')).toMatchObject({
      code: 0,
      out: `${PRETTY()}Approved by: Cleo, ticket 4711\nGates passed.\n`,
    })
    expect((await refused('--max-lost', '2')).code).toBe(5)
    expect((await refused('--max-gained', '1')).code).toBe(5)
  })

  it('protect nothing by a name that is none: it is refused, with the nearest', async () => {
    expect(await plan('--protect', 'finance.payout.craete')).toEqual({
      code: 2,
      out: '',
      err: 'castellan: --protect: no permission is named finance.payout.craete.\nDid you mean finance.payout.create?\n',
    })
    expect((await refused('--protect', 'payroll.*')).code).toBe(2)
  })

  it('stand in the Markdown too, which can be written beside what is printed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'castellan-plan-'))
    try {
      const file = join(folder, 'plan.md')
      expect((await plan('-o', 'json', '--markdown-file', file, '--max-lost', '0')).code).toBe(5)
      expect(readFileSync(file, 'utf8')).toMatch(/\*\*Refused by the gates:\*\*\n\n```\nmax-lost: people would lose 3 .*\n```\n/)
      expect(await plan('--markdown-file', join(folder, 'none', 'plan.md'))).toMatchObject({
        code: 1,
        err: expect.stringContaining('cannot be written: ENOENT'),
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('are refused as options when they are none, or say nothing', async () => {
    for (const args of [
      ['--max-lost', '-1'],
      ['--max-lost', '1.5'],
      ['--max-gained', 'many'],
      ['--require-approval-for', 'high'],
      ['--approved-by', 'Cleo'],
      ['--approved-by', ' ', '--require-approval-for', 'risk:high'],
      ['--markdown', '--people'],
      ['--markdown', '-o', 'json'],
      ['--tenants'],
    ])
      expect([args, await plan(...args)]).toMatchObject([args, { code: 2, out: '', err: expect.stringContaining(args[0] ?? '') }])
  })
})

describe('what a service answers', () => {
  let progressing = false
  /** The real lines of a plan, changed on their way. */
  async function planThrough(change: (lines: readonly string[]) => readonly string[], ...args: readonly string[]) {
    const lines = (await plan('-o', 'json', '--people')).out.trimEnd().split('\n')
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' })
        response.end(
          change(lines)
            .map((line) => `${line}\n`)
            .join(''),
        )
      })
    })
    await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
    const environment = { CASTELLAN_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, CASTELLAN_KEY: 'k' }
    try {
      return await desk.run(['policy', 'plan', after, ...args], undefined, { environment, progress: progressing })
    } finally {
      await new Promise((settle) => server.close(settle))
    }
  }
  // biome-ignore lint/suspicious/noExplicitAny: lines of every shape are edited
  type Line = any
  const editing = (edit: (event: Line) => unknown) => (lines: readonly string[]) =>
    lines.map((line) => {
      const event = JSON.parse(line)
      edit(event)
      return JSON.stringify(event)
    })

  it('is a plan when nothing is changed on the way', async () => {
    expect(await planThrough((lines) => lines)).toEqual({ code: 0, out: PRETTY(), err: '' })
  })

  it('is no plan without its end, after its end, or when it breaks off: exit 1, and nothing is printed', async () => {
    const error = '{"event":"error","code":"store_unavailable","title":"The store does not answer","detail":"Try again."}'
    const broken: readonly [string, (lines: readonly string[]) => readonly string[]][] = [
      ['before its end', (lines) => lines.slice(0, -1)],
      ['before its end', () => []],
      ['after its end', (lines) => [...lines, lines[1] ?? '']],
      ['stands where it cannot', (lines) => lines.slice(1)],
      ['stands where it cannot', (lines) => [...lines.slice(0, 1), ...lines]],
      ['The store does not answer (store_unavailable): Try again.', (lines) => [...lines.slice(0, -1), error]],
      ['no JSON object', (lines) => [...lines.slice(0, -1), (lines.at(-1) ?? '').slice(0, -20)]],
    ]
    for (const [words, change] of broken)
      expect([words, await planThrough(change, '--max-lost', '1000')]).toMatchObject([
        words,
        { code: 1, out: '', err: expect.stringContaining(words) },
      ])
  })

  it('is no plan of this version when a field is missing or of another type: gates must not pass by what is not there', async () => {
    const edits: readonly [string, (event: Line) => void][] = [
      ['summary.effects.lost', ({ summary }) => delete summary?.effects.lost],
      [
        'summary.effects.lost',
        ({ summary }) => {
          if (summary) summary.effects.lost = '2'
        },
      ],
      [
        'summary.effects.lost',
        ({ summary }) => {
          if (summary) summary.effects.lost = -1
        },
      ],
      [
        'summary.byPermission[0].risk',
        ({ summary }) => {
          if (summary) summary.byPermission[0].risk = 'tiny'
        },
      ],
      ['summary.breaches', ({ summary }) => delete summary?.breaches],
      ['diff.roles.changed[0].lost', ({ diff }) => diff && delete diff.roles.changed[0].lost],
      [
        'diff.roles.changed[0].changed[0].after',
        ({ diff }) => {
          if (diff) diff.roles.changed[0].changed[0].after = [{ amount: { $regex: 'x' } }]
        },
      ],
      ['diff.permissions.renamed', ({ diff }) => diff && delete diff.permissions.renamed],
      [
        'other revisions',
        ({ summary }) => {
          if (summary) summary.to = 'f'.repeat(64)
        },
      ],
      [
        'items[0].effects[0].kind',
        ({ event, items }) => {
          if (event === 'effects') items[0].effects[0].kind = 'kept'
        },
      ],
    ]
    for (const [words, edit] of edits)
      expect([words, await planThrough(editing(edit), '--max-lost', '1000')]).toMatchObject([
        words,
        { code: 1, out: '', err: expect.stringMatching(/is not a plan of this version/) },
      ])
  })

  it('is said to be of a moving target when changes were made meanwhile', async () => {
    const moved = await planThrough(
      editing(({ summary }: Line) => {
        if (summary) summary.positionLast += 3
      }),
    )
    expect(moved.out).toContain(`Read from position ${shown.position} to ${shown.position + 3}: changes were made meanwhile`)
  })

  it('reaches a terminal without its control characters', async () => {
    const hostile = editing(({ items }: Line) => {
      for (const item of items ?? []) item.tenant = '\u001b[2Jnorth'
    })
    const { out } = await planThrough(hostile, '--people')
    expect(out).toContain('\\u001b[2Jnorth')
    expect(out).not.toContain('\u001b')
  })

  it('shows how far it is on a terminal only, and wipes that before anything else is written', async () => {
    const progress = '{"event":"progress","pairs":3,"pairsMax":6}'
    const withProgress = (lines: readonly string[]) => [...lines.slice(0, -1), progress, progress, lines.at(-1) ?? '']
    expect(await planThrough(withProgress)).toEqual({ code: 0, out: PRETTY(), err: '' })
    const line = '\r\u001b[Kplanning: 3 of 6 pairs of user and tenant at most'
    progressing = true
    expect(await planThrough(withProgress)).toEqual({ code: 0, out: PRETTY(), err: `${line}${line}\r\u001b[K` })
    progressing = false
  })

  it('is not read faster than it is written', async () => {
    let pending = false
    let waits = 0
    const slow = {
      environment: { CASTELLAN_URL: desk.url, CASTELLAN_KEY: desk.wires.keys.admin },
      out: () => {
        expect(pending).toBe(false)
        pending = true
      },
      drained: () =>
        new Promise<void>((resolve) =>
          setImmediate(() => {
            pending = false
            waits++
            resolve()
          }),
        ),
    }
    expect((await desk.run(['policy', 'plan', after, '--people'], undefined, slow)).code).toBe(0)
    expect(waits).toBeGreaterThan(2)
  })
})
