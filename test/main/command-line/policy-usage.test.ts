/** What is wrong with a command about a policy is said before a service is asked, with what to do; its help says what is so. */
import { describe, expect, it } from '@jest/globals'
import { runCommand } from '../../support/command-line.ts'

/** Nobody answers there. */
const NOWHERE = ['--url', 'http://127.0.0.1:1', '--key', 'k']

describe('wrong usage', () => {
  it.each([
    ['policy', 'activate', '1a2b3c4d'],
    ['policy', 'rollback'],
    ['policy', 'schedule', 'cancel', '0195d9e2-0000-7000-8000-000000000000'],
    ['policy', 'publish'],
    ['grant', 'ann', 'acme', 'coder'],
  ])('is a reason that says nothing: %s %s', async (...command) => {
    for (const reason of ['', '  ']) {
      const { code, err } = await runCommand([...command, '--reason', reason, ...NOWHERE])
      expect([code, err]).toEqual([2, expect.stringContaining("'--reason <text>'")])
      expect(err).toContain('say why')
    }
  })

  it.each([
    [['policy', 'activate', 'nonsense', '--reason', 'r'], 'castellan policy revisions'],
    [['policy', 'rollback', '--to', 'nonsense'], 'castellan policy revisions'],
    [['policy', 'rollback', '--from', '1a2b'], 'castellan policy revisions'],
    [['policy', 'schedule', 'cancel', 'nope'], 'castellan policy schedule'],
    [['policy', 'diff', 'git:nope'], 'git:main'],
    [['policy', 'diff', 'git:'], 'git:main'],
  ])('is a name of nothing, with a hint where names are found: %j', async (command, hint) => {
    expect(await runCommand([...command, ...NOWHERE])).toMatchObject({ code: 2, out: '', err: expect.stringContaining(hint) })
  })

  it('repeats no sign that a terminal would obey', async () => {
    const { err } = await runCommand(['policy', 'activate', '1a2b3c4d', '--reason', 'r', '--at', '\u001b[2J', ...NOWHERE])
    expect(err).toContain('--at: not an instant or duration: \\u001b[2J')
  })
})

describe('help', () => {
  const helpOf = async (...command: readonly string[]) => (await runCommand([...command, '--help'])).out.replace(/\s+/g, ' ')

  it('of policy plan says how it ends, what names are tried, and no default that is none', async () => {
    const help = await helpOf('policy', 'plan')
    expect(help).toContain('Exit codes: 0 planned, 1 no plan, 2 wrong usage, 3 faults in the files, 5 refused by a gate.')
    expect(help).toContain('any other word is tried as a git ref (main, v1)')
    expect(help).not.toContain('default: []')
    expect(await helpOf('policy', 'diff')).toContain('any other word is tried as a git ref (main, v1)')
  })

  it('at the top says that policies are planned and published, too', async () => {
    expect(await helpOf()).toMatch(/policy check and test policy files, plan what they would do, publish, activate and roll back/)
    expect(await helpOf('policy')).toMatch(/check and test policy files, plan what they would do, publish, activate and roll back/)
  })

  it('leads no answer over a file that the same command reads', async () => {
    for (const command of ['validate', 'test', 'lint', 'codes', 'diff', 'plan'])
      for (const [, file = ''] of (await helpOf('policy', command)).matchAll(/> (\S+)/g)) expect(file).not.toMatch(/^(\.\/)?policies\//)
  })
})
