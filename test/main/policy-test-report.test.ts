/** `castellan policy test` at the command line: what it prints in each form, and how it ends. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { packageRoot } from '../../src/ground/package-root.ts'
import { runCommandLine } from '../../src/main/command-line/run.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'castellan-policies-'))
  await cp(join(packageRoot(), 'policies'), folder, { recursive: true })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function run(...options: readonly string[]) {
  return await runAt(() => 0, false, ...options)
}

async function runAt(nowMs: () => number, progress: boolean, ...options: readonly string[]) {
  const written = { out: '', err: '' }
  const code = await runCommandLine(['policy', 'test', folder, ...options], {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    environment: {},
    colours: false,
    progress,
    nowMs,
  })
  return { code, ...written }
}

async function change(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(folder, file), 'utf8')
  if (!text.includes(from)) throw new Error(`${file} has no "${from}"`)
  await writeFile(join(folder, file), text.replace(from, to))
}
const OFFICE = 'office/office.test.yaml'
/** Takes away all that says what an agent holds. */
const forgetAgent = () =>
  change(OFFICE, '    exactly: [agents.desk.view, agents.ticket.read, agents.ticket.answer, agents.ticket.close]', '    roles: [agent]')
const breakTest = () => change(OFFICE, 'reason: ASSIGNMENT_EXPIRED', 'reason: NOT_YET_VALID')

describe('policy test', () => {
  it('says of the samples in a few lines that all is noticed', async () => {
    const { code, out, err } = await run()
    expect([code, err]).toEqual([0, ''])
    expect(out.split('\n').slice(0, 3)).toEqual([
      'passed  hospital/hospital.test.yaml  tests: 14',
      'passed  office/office.test.yaml  tests: 19',
      'policy tests: 33 passed, 0 failed',
    ])
    expect(out).toContain('coverage: 100 % (65 of 65) of what roles grant, 100 % (309 of 309) of what they do not\n')
    expect(out).toContain(
      'mutation score: 100 % (372 of 372 changes of one cell would be noticed; not counted, for nobody may: 11 of disabled permissions)\n',
    )
  })

  it('names each passed test when asked to, and leaves the score out when asked to', async () => {
    const { out } = await run('--verbose', '--no-mutation')
    expect(out).toMatch(/^passed {2}a salesperson holds exactly these {2}office\/office\.test\.yaml:\d+$/m)
    expect(out).not.toContain('mutation')
  })

  it('prints failures first, takes no score of failing tests, and exits 4 whatever is demanded', async () => {
    await breakTest()
    const { code, out, err } = await run('--min-score', '100', '--min-coverage', '100')
    expect(code).toBe(4)
    expect(out).toMatch(
      /^failed {2}cover for finance ends by itself, to the second {2}office\/office\.test\.yaml:\d+\n {8}line \d+: finance\.payout\.create is expected to be deny \(NOT_YET_VALID\) and is deny \(ASSIGNMENT_EXPIRED\)\npassed/,
    )
    expect(out).toContain('policy tests: 32 passed, 1 failed\n')
    expect(out).toContain('mutation score: not taken, for tests fail\n')
    expect(err).toContain('Policy tests failed: 1 of 33.')
  })

  it('names what survives by role, and exits 5 only when more is demanded', async () => {
    await forgetAgent()
    const { code, out } = await run()
    expect(code).toBe(0)
    expect(out).toContain('coverage: 95.3 % (62 of 65) of what roles grant')
    expect(out).toContain('  agent  not asked: agents.desk.view, agents.ticket.close, agents.ticket.read\n')
    expect(out).toMatch(
      /^ {2}agent {2}nobody would notice: dropped agents\.desk\.view, agents\.ticket\.close, agents\.ticket\.read; added coding\..*, … and \d+ more: -o json$/m,
    )
    expect((await run('--min-score', '90', '--min-coverage', '95.3')).code).toBe(0)
    const refused = await run('--min-score', '99.9', '--min-coverage', '95.4')
    expect(refused.code).toBe(5)
    expect(refused.err).toMatch(
      /coverage of what roles grant is 95\.3 %, and 95\.4 % are demanded; mutation score is 9\d\.\d %, and 99\.9 % are demanded/,
    )
  })

  it('offers tests that, laid beside the others, leave nothing to notice', async () => {
    await forgetAgent()
    const { code, out, err } = await run('--skeletons')
    expect(code).toBe(0)
    expect(err).toContain('mutation score: 9')
    await writeFile(join(folder, 'more.test.yaml'), out)
    expect((await run('--min-score', '100', '--min-coverage', '100')).code).toBe(0)
    expect((await run('--skeletons')).out).toBe('# No mutant survives: there is nothing to add.\n')
  })

  it.each([
    [['--no-mutation', '--min-score', '50']],
    [['--no-mutation', '--skeletons']],
    [['--skeletons', '-o', 'junit']],
    [['--min-score', '101']],
    [['--min-coverage', 'most']],
  ])('refuses options that make no sense: %j', async (options) => {
    expect((await run(...options)).code).toBe(2)
  })

  it('shows its progress to somebody who waits at a terminal, and wipes it away', async () => {
    let nowMs = 0
    const slow = () => {
      nowMs += 400
      return nowMs
    }
    const { err } = await runAt(slow, true)
    expect(err).toContain('\r\u001b[Kmutation score: role 4 of 11')
    expect(err.endsWith('\r\u001b[K')).toBe(true)
    expect((await runAt(slow, false)).err).toBe('')
  })
})

describe('policy test for machines', () => {
  it('gives all of it as JSON', async () => {
    await forgetAgent()
    const answer = JSON.parse((await run('-o', 'json', '--skeletons')).out)
    expect(answer).toMatchObject({
      passed: 33,
      failed: 0,
      coverage: { granted: { covered: 62, all: 65, percent: 95.3 } },
      mutation: { all: 372, disabledCells: 11, survivors: [{ role: 'agent', opened: [], addedUnlisted: 0 }] },
      gates: [],
    })
    expect(answer.mutation.survivors[0].dropped).toEqual(['agents.desk.view', 'agents.ticket.close', 'agents.ticket.read'])
    expect(answer.mutation.killed + answer.mutation.survivors[0].dropped.length + answer.mutation.survivors[0].added.length).toBe(372)
    expect(answer.skeletons).toContain('kind: PolicyTest')
  })

  it('gives JUnit that is well formed, whatever a test is called', async () => {
    await change(OFFICE, '- name: an agent answers in English', '- name: "<a href=\\"x\\">&amp; \\u0000\\u001b[2J\\ud83d\\n]]>"')
    await breakTest()
    const { code, out } = await run('-o', 'junit')
    expect(code).toBe(4)
    expect(tagsOf(out)).toEqual([])
    expect(out).toContain(
      '<testcase name="&lt;a href=&quot;x&quot;&gt;&amp;amp; [2J&#10;]]&gt;" classname="office" file="office/office.test.yaml"',
    )
    expect(out).toContain('<testsuite name="office/office.test.yaml" tests="19" failures="1" errors="0" skipped="0">')
    expect(out).toMatch(/<failure message="line \d+: finance\.payout\.create is expected/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  })

  it('makes a gate that refuses, and a file that is refused, failed tests of JUnit', async () => {
    await forgetAgent()
    const gated = await run('-o', 'junit', '--min-score', '100')
    expect(gated.code).toBe(5)
    expect(gated.out).toContain('<testsuite name="gates" tests="1" failures="1"')
    await change('office/roles.yaml', 'sales.customer.edit', 'sales.customer.edti')
    const refused = await run('-o', 'junit')
    expect(refused.code).toBe(3)
    expect(tagsOf(refused.out)).toEqual([])
    expect(refused.out).toMatch(/<testcase name="office\/roles\.yaml:\d+:\d+" classname="unknown-permission" file="office\/roles\.yaml"/)
  })

  it('annotates for GitHub, one line each, so that no name can give a command', async () => {
    await change(OFFICE, '- name: cover for finance ends by itself, to the second', '- name: "100 %: a,b\\n::stop-commands::x"')
    await breakTest()
    const { out } = await run('-o', 'github')
    const [first = '', ...rest] = out.trimEnd().split('\n')
    expect(first).toMatch(
      /^::error file=[^,]*office\/office\.test\.yaml,line=\d+,title=policy test failed%3A 100 %25%3A a%2Cb%0A%3A%3Astop-commands%3A%3Ax::line \d+: finance\.payout\.create is expected/,
    )
    expect(rest).toEqual(['policy tests: 32 passed, 1 failed'])
  })

  it('warns on GitHub of survivors at the line of their role, and of faults at theirs', async () => {
    await forgetAgent()
    const lines = (await readFile(join(folder, 'office/roles.yaml'), 'utf8')).split('\n')
    const line = lines.indexOf('  agent:') + 1
    const { out } = await run('-o', 'github')
    expect(out).toMatch(
      new RegExp(
        `^::warning file=[^,]*office/roles\\.yaml,line=${line},title=mutants of role agent that no policy test notices%3A \\d+::dropped agents`,
      ),
    )
    await change('office/roles.yaml', 'sales.customer.edit', 'sales.customer.edti')
    const refused = await run('-o', 'github')
    expect(refused.code).toBe(3)
    expect(refused.out).toMatch(
      /^::error file=[^,]*office\/roles\.yaml,line=\d+,col=\d+,title=unknown-permission::permission "sales\.customer\.edti" is in no catalogue — did you mean/,
    )
  })
})

/** What is not closed, or closed without being open. */
function tagsOf(xml: string): readonly string[] {
  const open: string[] = []
  for (const [, closing, name = '', , self] of xml.matchAll(/<(\/?)([a-z]+)((?: [a-z]+="[^"<>]*")*)(\/?)>/g)) {
    if (closing !== '') {
      if (open.pop() !== name) return [name]
    } else if (self === '') open.push(name)
  }
  // No angle bracket but those of tags.
  const outside = xml.replace(/<\?xml [^?]*\?>|<\/?[a-z]+(?: [a-z]+="[^"<>]*")*\/?>/g, '')
  return [...open, ...(/[<>]/.test(outside) ? ['text'] : [])]
}
