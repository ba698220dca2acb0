/** castellan decisions watch, against real wires: what it shows, what it says when it lost something or was cut off, and how it ends. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { openLiveDecisions } from '../../../src/decision/log/live-decisions.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { runCommandLine } from '../../../src/main/command-line/run.ts'
import { openServiceClient } from '../../../src/main/command-line/service-client.ts'
import { watchDecisions } from '../../../src/main/watch-decisions.ts'
import { ServiceError, UnauthenticatedError } from '../../../src/model/error-code.ts'
import type { LiveDecisions } from '../../../src/model/live-decisions.ts'
import { openTestSource, recordOf, type TestSource } from '../../decision/log/records.ts'
import { openWires, type Wires } from '../../decision/transport/wires.ts'

let wires: Wires | undefined
let test = 0
afterEach(async () => {
  test += 1
  await wires?.close()
  wires = undefined
})

async function house(change: (live: LiveDecisions) => LiveDecisions = (live) => live): Promise<{ wires: Wires; source: TestSource }> {
  const source = openTestSource()
  wires = await openWires((needs) => ({ ...needs, live: change(openLiveDecisions(source, { clock: systemClock })) }))
  return { wires, source }
}

/** A command that runs until `interrupt`, or ends by itself. */
function started(opened: Wires, args: readonly string[] = [], key = opened.keys.admin) {
  const written = { out: '', err: '' }
  let interrupt: () => void = () => undefined
  const terminal = {
    out: (text: string) => {
      written.out += text
    },
    err: (text: string) => {
      written.err += text
    },
    environment: { CASTELLAN_URL: `http://127.0.0.1:${opened.http.port}`, CASTELLAN_KEY: key },
    colours: false,
    interrupted: (run: () => void) => {
      interrupt = run
      return () => undefined
    },
    nowMs: () => 0,
  }
  return { written, terminal, interrupt: () => interrupt(), run: () => runCommandLine(['decisions', 'watch', ...args], terminal) }
}

async function until(condition: () => boolean): Promise<void> {
  const mine = test
  // A test that is over, for it took too long, waits no longer: it would take the machine from the others.
  while (!condition() && mine === test) await new Promise((resolve) => setImmediate(resolve))
}

describe('castellan decisions watch', () => {
  it('shows one line a decision, safe for a terminal, and ends with 0 when it is interrupted', async () => {
    const { wires: opened, source } = await house()
    const command = started(opened)
    const code = command.run()
    await until(() => source.listeners.size === 1)
    source.tell(recordOf('id-1'))
    source.tell(recordOf('id-2', { allowed: false, reason: 'NO_ASSIGNMENT', via: [], user: 'a\u001b[31mnn\u202e' }))
    const {
      user: _user,
      tenant: _tenant,
      permission: _permission,
      reason: _reason,
      ...several
    } = recordOf('id-3', { allowed: false, via: [] })
    const answered = ['one', 'two', 'three', 'four'].map((permission) => ({ permission, allowed: false }))
    source.tell({ ...several, permissions: [{ permission: 'zero', allowed: true }, ...answered] })
    await until(() => command.written.out.includes('id-3'))
    command.interrupt()
    expect(await code).toBe(0)
    const lines = command.written.out.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(
      /^2026-11-22T09:00:00.000Z {2}allow {2}ROLE +ann {2}north {2}coding.medical-stay.read {2}via coder {2}by service {2}id-1$/,
    )
    expect(lines[1]).toContain('deny   NO_ASSIGNMENT          a\\u001b[31mnn\\u202e  north')
    expect(lines[2]).toContain('nobody  no tenant  5 permissions, denied: one, two, three and 1 more  by service')
    expect(command.written.err).toBe('castellan: watching; Ctrl-C ends it\n')
    await until(() => source.listeners.size === 0)
  })

  it('says each decision as one line of JSON, and what was lost where it was lost', async () => {
    const { wires: opened, source } = await house()
    const command = started(opened, ['--outcome', 'allow', '--permission', 't.0', '-o', 'json'])
    const code = command.run()
    await until(() => source.listeners.size === 1)
    source.tell(recordOf('id-1'))
    source.tell(recordOf('id-2', { allowed: false }))
    source.lose(7)
    source.tell(recordOf('id-3'))
    await until(() => command.written.out.includes('id-3'))
    command.interrupt()
    expect(await code).toBe(0)
    const { type: _type, ...record } = recordOf('id-1')
    expect(
      command.written.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { event: 'decision', ...record },
      { event: 'lost', count: 7, atMost: true },
      { event: 'decision', id: 'id-3' },
    ])
  })

  it('says in words how many were not shown', async () => {
    const { wires: opened } = await house(() => ({
      async *watch(_caller, _filter, signal) {
        yield [{ kind: 'heartbeat', atMs: 0 }]
        yield [
          { kind: 'lost', count: 12, atMost: false },
          { kind: 'lost', count: 0, atMost: true },
          { kind: 'lost', count: 3, atMost: true },
        ]
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      },
    }))
    const command = started(opened)
    const code = command.run()
    await until(() => command.written.out.split('\n').length === 4)
    command.interrupt()
    expect(await code).toBe(0)
    expect(command.written.out).toBe(
      '… 12 not shown: this reader was too slow\n… some may be missing: the service had no room for them\n… up to 3 may be missing: the service had no room for them\n',
    )
  })

  it('connects again when its stream broke, and says so and that there is a gap', async () => {
    let streams = 0
    const { wires: opened, source } = await house((live) => ({
      async *watch(caller, filter, signal) {
        streams += 1
        // The first one breaks as when its replica stops, the second is refused as in a crowd, the third stands.
        if (streams === 2) throw new ServiceError('overloaded', 'Too many watch here already.', { retryAfterSeconds: 1 })
        for await (const step of live.watch(caller, filter, signal)) {
          yield step
          if (streams === 1) throw new ServiceError('store_unavailable', 'The service is stopping.')
        }
      },
    }))
    const command = started(opened)
    const client = openServiceClient(`http://127.0.0.1:${opened.http.port}`, opened.keys.admin)
    const ended = watchDecisions(command.terminal, client, { output: 'pretty' }, 1)
    await until(() => streams === 3 && source.listeners.size === 1)
    source.tell(recordOf('id-1'))
    await until(() => command.written.out.includes('id-1'))
    command.interrupt()
    await ended
    expect(command.written.err).toBe(
      [
        'castellan: watching; Ctrl-C ends it',
        'castellan: The decision store is unavailable (store_unavailable): The service is stopping; again in 0.001 s',
        'castellan: Too many requests are under way (overloaded): Too many watch here already; again in 0.002 s',
        'castellan: watching again; what was decided meanwhile was not seen',
        '',
      ].join('\n'),
    )
  })

  it('can be interrupted while it waits to connect again', async () => {
    const { wires: opened } = await house((live) => ({
      async *watch(caller, filter, signal) {
        for await (const step of live.watch(caller, filter, signal)) {
          yield step
          throw new ServiceError('store_unavailable', 'The service is stopping.')
        }
      },
    }))
    const command = started(opened)
    const client = openServiceClient(`http://127.0.0.1:${opened.http.port}`, opened.keys.admin)
    const ended = watchDecisions(command.terminal, client, { output: 'pretty' }, 1_000_000)
    await until(() => command.written.err.includes('again in'))
    command.interrupt()
    await ended
  })

  it('ends with 1 and the reason when its key is not good, or not good any more, and when nobody is there', async () => {
    const { wires: opened } = await house((live) => ({
      async *watch(caller, filter, signal) {
        for await (const step of live.watch(caller, filter, signal)) {
          yield step
          throw new UnauthenticatedError('revoked meanwhile')
        }
      },
    }))
    const denied = started(opened, [], opened.keys.decide)
    expect(await denied.run()).toBe(1)
    expect(denied.written.err).toContain('lacks the scope "audit"')
    const revoked = started(opened)
    expect(await revoked.run()).toBe(1)
    expect(revoked.written.err).toContain('The caller is unknown (unauthenticated)')
    const mistyped = started(opened, ['--reason', 'ROL'])
    expect(await mistyped.run()).toBe(1)
    expect(mistyped.written.err).toContain('reason: must be one of ROLE')
    const gone = started(opened, ['--url', 'http://127.0.0.1:9'])
    expect(await gone.run()).toBe(1)
    expect(gone.written.err).toContain('No answer from http://127.0.0.1:9')
  })
})
