/** An auditor's day with the real processes: decisions seen as they are made and found again later, without what was masked, for as long as the key is good. */
import { rmSync } from 'node:fs'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { auditClient, bearer, type Client } from '../decision/transport/wires.ts'
import { ask, type RunningCastellan, type RunningService, runCastellan, startCastellan, startDev } from '../support/castellan-process.ts'
import { makeReadersFolder } from '../support/documented-commands.ts'

const { folder } = makeReadersFolder()
let service: RunningService
let client: Client
/** May audit, at acme alone. */
let watcher: { readonly id: string; readonly key: string }

beforeAll(async () => {
  service = await startDev({ cwd: folder, environment: { CASTELLAN_DECISION_LOG_MASK: 'resource.attributes.amount,requestId' } })
  client = auditClient(Number(service.grpc.split(':')[1]))
  const made = await castellan(['caller', 'create', 'watcher', '--scopes', 'audit', '--tenants', 'acme', '-o', 'json'])
  const { key, caller } = JSON.parse(made.out)
  watcher = { key, id: caller.id }
})
afterAll(async () => {
  client.close()
  service.process.kill('SIGKILL')
  await service.process.ended
  rmSync(folder, { recursive: true, force: true })
})

const environment = (key: string) => ({ CASTELLAN_URL: service.url, CASTELLAN_KEY: key })
const castellan = (args: readonly string[], key = service.key) => runCastellan(args, { cwd: folder, environment: environment(key) })

/** The real command, once it watches. */
async function watching(args: readonly string[], key: string): Promise<RunningCastellan> {
  const command = startCastellan(['decisions', 'watch', ...args], { cwd: folder, environment: environment(key) })
  await command.seen(/watching/)
  return command
}

function watchingOverGrpc(key: string) {
  const stream = client.WatchDecisions({}, bearer(key))
  const events: Client[] = []
  stream.on('error', () => undefined)
  const ended = new Promise<ServiceError>((resolve) => stream.on('status', resolve))
  return new Promise<{ events: Client[]; ended: Promise<ServiceError>; decision(id: string): Promise<Client> }>((resolve) => {
    const waiting = new Set<() => void>()
    stream.on('data', (event: Client) => {
      events.push(event)
      for (const look of waiting) look()
      resolve({ events, ended, decision })
    })
    const decision = (id: string) =>
      new Promise<Client>((found) => {
        const look = () => {
          const one = events.find((event) => event.decision?.id === id)
          if (one !== undefined) found(one.decision)
        }
        waiting.add(look)
        look()
      })
  })
}

async function check(tenant: string, permission: string, resource?: object): Promise<string> {
  const question = { user: 'ann', tenant, permission, ...(resource === undefined ? {} : { resource }) }
  const { body } = await ask(service, 'POST', '/v1/check', question)
  return String(body['decisionId'])
}

describe('decisions', () => {
  it('are watched over both wires as they are made, listed and explained afterwards, and what is masked is nowhere', async () => {
    const [http, grpc] = [await watching(['-o', 'json'], watcher.key), await watchingOverGrpc(watcher.key)]
    const sent = await check('acme', 'sales.quote.send', { id: 'quote-1', amount: 8_765, discountPercent: 5 })
    const elsewhere = await check('north-clinic', 'coding.medical-stay.read')
    const denied = await check('acme', 'finance.payout.create')
    await http.seen(new RegExp(denied))
    const lines = http
      .out()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      {
        ...{ event: 'decision', id: sent, user: 'ann', tenant: 'acme', permission: 'sales.quote.send', code: 's.q.s', allowed: true },
        ...{ requestId: '[masked]', resource: { id: 'quote-1', attributes: { amount: '[masked]', discountPercent: 5 } } },
        ...{ via: ['salesperson'], assignments: [expect.any(String)], wire: 'http', method: 'Check' },
      },
      { event: 'decision', id: denied, allowed: false, reason: 'ROLE_LACKS_PERMISSION', roles: ['salesperson'], requestId: '[masked]' },
    ])
    const { fields } = (await grpc.decision(sent)).resource.attributes
    expect(fields).toMatchObject({ amount: { stringValue: '[masked]' }, discountPercent: { numberValue: 5 } })
    await grpc.decision(denied)
    expect(JSON.stringify(grpc.events)).not.toContain(elsewhere)

    // The log is written a little later.
    const list = async () => await castellan(['decisions', 'list', '--tenant', 'acme', '-o', 'json'], watcher.key)
    let listed = await list()
    while (listed.code === 0 && !listed.out.includes(denied)) listed = await list()
    expect(JSON.parse(listed.out).decisions.map(({ id }: { id: string }) => id)).toEqual([denied, sent])
    const refused = await castellan(['decisions', 'list', '--outcome', 'deny'], watcher.key)
    expect(refused).toMatchObject({ code: 0, out: expect.stringMatching(new RegExp(`^\\S+ {2}deny .*${denied}\n$`)) })
    const explained = await castellan(['explain', sent], watcher.key)
    expect(explained.code).toBe(0)
    expect(explained.out).toContain('sales.quote.send (s.q.s)')
    expect((await castellan(['explain', elsewhere], watcher.key)).err).toContain('not_found')
    for (const seen of [http.out(), listed.out, explained.out]) expect(seen).not.toContain('8765')
    http.kill('SIGINT')
    expect(await http.ended).toMatchObject({ code: 0, err: 'castellan: watching; Ctrl-C ends it\n' })
  })

  it('are watched no longer than the key is good: its revocation ends open streams on both wires', async () => {
    const [http, grpc] = [await watching([], watcher.key), await watchingOverGrpc(watcher.key)]
    const other = await watching([], service.key)
    const before = await check('acme', 'sales.quote.create')
    await http.seen(new RegExp(before))
    await grpc.decision(before)
    expect(await castellan(['caller', 'revoke', watcher.id, '--reason', 'left'])).toMatchObject({ code: 0 })
    const after = await check('acme', 'sales.quote.create')
    const ended = await http.ended
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining('The caller is unknown (unauthenticated)') })
    expect(ended.out).not.toContain(after)
    expect((await grpc.ended).code).toBe(status.UNAUTHENTICATED)
    expect(JSON.stringify(grpc.events)).not.toContain(after)
    await other.seen(new RegExp(after))
    other.kill('SIGTERM')
    expect(await other.ended).toMatchObject({ code: 0 })
  })
})
