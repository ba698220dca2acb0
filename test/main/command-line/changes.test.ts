/** Changes and asked positions at the command line, against a real service. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { buildProgram } from '../../../src/main/command-line/program.ts'
import { runCommandLine } from '../../../src/main/command-line/run.ts'
import { ADMIN_KEY, call, openWires, type Wires } from '../../decision/transport/wires.ts'

let wires: Wires
beforeAll(async () => {
  wires = await openWires()
})
afterAll(() => wires.close())

const READ = 'coding.medical-stay.read'

async function run(...args: readonly string[]) {
  const written = { out: '', err: '' }
  const code = await runCommandLine(args, {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    environment: { CASTELLAN_URL: `http://127.0.0.1:${wires?.http.port ?? 0}`, CASTELLAN_KEY: ADMIN_KEY },
    colours: false,
    nowMs: () => Date.now(),
  })
  return { code, ...written, last: written.out.trimEnd().split('\n').at(-1) }
}

const reason = ['--reason', 'test']
/** One call of every command that changes something. */
const CHANGES: readonly (readonly string[])[] = [
  ['tenant', 'create', 'west'],
  ['tenant', 'suspend', 'west', ...reason],
  ['tenant', 'resume', 'west', ...reason],
  ['user', 'create', 'emil', '--name', 'Emil'],
  ['user', 'deactivate', 'emil', ...reason],
  ['user', 'reactivate', 'emil', ...reason],
  ['grant', 'emil', 'west', 'reader'],
  ['revoke', 'emil', 'west', 'reader'],
  ['caller', 'create', 'desk', '--scopes', 'decide'],
]

describe('a command that changes something', () => {
  it('can be told not to wait, whichever it is', () => {
    type Leaf = ReturnType<typeof buildProgram>
    const leaves = (command: Leaf): readonly Leaf[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap((one) => leaves(one as Leaf))
    const silent = { out: () => undefined, err: () => undefined, environment: {}, colours: false, nowMs: () => 0 }
    const taking = (option: string) =>
      leaves(buildProgram(silent))
        .filter((command) => command.options.some((one) => one.long === option))
        // There it is the reason of a decision.
        .filter((command) => command.parent?.name() !== 'decisions')
        .map((command) => `${command.parent?.name()} ${command.name()}`)
    // A reason is what every change takes. A policy takes force everywhere, or at a time to come: there is nothing not to wait for.
    const ofPolicies = ['policy publish', 'policy activate', 'policy rollback', 'schedule cancel']
    expect(taking('--reason').filter((name) => ofPolicies.includes(name))).toEqual(ofPolicies)
    expect(taking('--no-wait')).toEqual(taking('--reason').filter((name) => !ofPolicies.includes(name)))
    const elsewhere = ['user invite', 'user log-out', 'client put', 'client revoke', 'keys rotate']
    expect(taking('--no-wait').filter((name) => !elsewhere.includes(name))).toHaveLength(CHANGES.length + 2)
  })

  it('ends by saying that the change is in force on every replica', async () => {
    for (const change of CHANGES)
      expect([change, await run(...change)]).toMatchObject([change, { code: 0, last: 'in force on every replica' }])
    const { caller } = JSON.parse((await run('caller', 'create', 'brief', '--scopes', 'decide', '-o', 'json')).out)
    expect(await run('caller', 'revoke', caller.id)).toMatchObject({
      out: expect.stringContaining('revoked'),
      last: 'in force on every replica',
    })
  })

  it('gives a caller a second key, and says until when the first one is good', async () => {
    const { caller } = JSON.parse((await run('caller', 'create', 'turning', '--scopes', 'decide', '-o', 'json')).out)
    const rotated = await run('caller', 'rotate', caller.id, '--overlap', 'PT1H', ...reason)
    expect(rotated).toMatchObject({ code: 0, last: 'in force on every replica' })
    expect(rotated.out).toMatch(/^new key; the present one is good until \d{4}-.*Z \(position \d+\)\nkey \(shown once\): cst_/)
    expect(await run('caller', 'rotate', caller.id, '--overlap', 'tomorrow')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--overlap'),
    })
  })

  it('ends by saying how to ask past a change that it did not wait for, and that works', async () => {
    const granted = await run('grant', 'finn', 'north', 'reader', '--no-wait')
    const [, position = ''] = /^granted reader \(position (\d+)\)$/m.exec(granted.out) ?? []
    expect(granted.last).toBe(`not waited for: use --min-position ${position} to ask past it`)
    expect((await run('check', 'finn', 'north', READ, '--min-position', position)).out).toContain('allow')
    expect((await run('explain', 'finn', 'north', READ, '--min-position', position)).out).toContain('allow')
    const revoked = await run('revoke', 'finn', 'north', 'reader', '--no-wait')
    const [, next = ''] = /--min-position (\d+)/.exec(revoked.last ?? '') ?? []
    expect((await run('check', 'finn', 'north', READ, '--min-position', next)).out).toContain('deny')
    for (const change of CHANGES)
      expect([change, await run(...change, '--no-wait')]).toMatchObject([
        change,
        { code: 0, last: expect.stringMatching(/^not waited for: /) },
      ])
  })

  it('sends no position past a caller: it is known before any question is looked at', async () => {
    const made = await run('caller', 'create', 'late', '--scopes', 'decide', '--no-wait')
    expect(made.out).toMatch(/^key \(shown once\): cst_/m)
    expect(made.last).toBe('not waited for: every replica knows of it within a second')
  })

  it('prints as JSON what the wire answered', async () => {
    const printed = JSON.parse((await run('tenant', 'create', 'east', '--no-wait', '-o', 'json')).out)
    expect(printed).toMatchObject({ tenant: { id: 'east' }, changed: true, effective: false, position: expect.any(Number) })
    const { json } = await call(wires, 'PUT', '/v1/tenants/east', {})
    expect(JSON.parse((await run('tenant', 'create', 'east', '-o', 'json')).out)).toEqual({ ...json, position: expect.any(Number) })
  })
})

describe('--min-position', () => {
  it('is refused with what it must be when it is no position, before anything is asked', async () => {
    for (const text of ['', '-1', '1.5', '1e3', '0x10', ' 1', 'latest', '9007199254740992'])
      for (const command of ['check', 'explain'])
        expect(await run(command, 'ann', 'north', READ, `--min-position=${text}`)).toMatchObject({
          code: 2,
          out: '',
          err: expect.stringMatching(/--min-position[\s\S]*must be a whole number, 0 to 9007199254740991/),
        })
  })

  it('ends with a fault, not with a deny, when the position cannot be reached', async () => {
    for (const command of ['check', 'explain'])
      expect(await run(command, 'ann', 'north', READ, '--min-position', '1000000000')).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('position_not_reached'),
      })
  })
})
