import { Agent, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from '@jest/globals'
import { type Clock, systemClock } from '../../../src/ground/clock.ts'
import type { CheckQuestion, Decision } from '../../../src/model/decision.ts'
import { ServiceError as OurServiceError, StoreError } from '../../../src/model/error-code.ts'
import { openAdmission } from '../../../src/wire/admission.ts'
import { openProbeServer } from '../../../src/wire/probes.ts'
import { ask, bearer, type Client, call, deciding, decisionClient, detailsOf, openWires, send, type Wires } from './wires.ts'

const QUESTION = { user: 'ann', tenant: 'north', permission: 'coding.medical-stay.read' }
const opened: Wires[] = []
const clients: Client[] = []
const house = async (...change: Parameters<typeof openWires>) => {
  const wires = await openWires(...change)
  opened.push(wires)
  const client = decisionClient(wires.grpc.port)
  clients.push(client)
  return { wires, client }
}
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const wires of opened.splice(0)) await wires.close()
})

/** A decision that waits until it is let go, or until its signal aborts. */
function held() {
  const signals: AbortSignal[] = []
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrived: () => void = () => undefined
  const first = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const change = deciding((real) => ({
    async check(question: CheckQuestion, signal: AbortSignal): Promise<Decision> {
      signals.push(signal)
      arrived()
      await gate
      return real.check(question, signal)
    },
  }))
  return { change, signals, release, first }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('admission', () => {
  it('refuses beyond its bound over both wires together, with when to try again', async () => {
    const { change, release, first } = held()
    const { wires, client } = await house((needs) => ({ ...change(needs), admission: openAdmission(1) }))
    const under = call(wires, 'POST', '/v1/check', QUESTION)
    await first
    const refused = await call(wires, 'POST', '/v1/check', QUESTION)
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' }, json: { code: 'overloaded' } })
    const fault: ServiceError = await ask(client, 'Check', QUESTION, wires.keys.decide).catch((reason) => reason)
    expect(fault.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(detailsOf(fault).details).toMatchObject([{ reason: 'OVERLOADED' }, { type: 'google.rpc.RetryInfo', retryDelay: { seconds: 1 } }])
    // Probes are answered all the same: an overloaded process is not a dead one.
    expect(await send(wires.http.port, { path: '/livez' })).toMatchObject({ status: 200 })
    release()
    expect(await under).toMatchObject({ status: 200 })
    expect(wires.admission.inFlight()).toBe(0)
  })
})

describe('deadlines and cancellation', () => {
  it('aborts the decision when its client goes, on both wires', async () => {
    const { change, signals, release } = held()
    const { wires, client } = await house(change)
    const sent = request({ host: '127.0.0.1', port: wires.http.port, path: '/v1/check', method: 'POST', agent: false })
    sent.setHeader('authorization', `Bearer ${wires.keys.decide}`).setHeader('content-type', 'application/json')
    sent.on('error', () => undefined)
    sent.end(JSON.stringify(QUESTION))
    await until(() => signals.length === 1)
    sent.destroy()
    await until(() => signals[0]?.aborted === true)
    const asked = client.Check(QUESTION, bearer(wires.keys.decide), () => undefined)
    await until(() => signals.length === 2)
    asked.cancel()
    await until(() => signals[1]?.aborted === true)
    for (const signal of signals) expect(signal.reason).toMatchObject({ code: 'cancelled' })
    release()
    await until(() => wires.admission.inFlight() === 0)
  })

  it('answers 408 to a body that does not arrive, closes, and keeps no place for it', async () => {
    const { wires } = await house()
    const answer = await new Promise<string>((resolve) => {
      const chunks: Buffer[] = []
      const head = `POST /v1/check HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${wires.keys.decide}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`
      const socket = connect(wires.http.port, '127.0.0.1', () => socket.write(head))
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    })
    expect(answer).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"deadline_exceeded"/)
    await until(() => wires.admission.inFlight() === 0)
  })

  it('answers DEADLINE_EXCEEDED at the client’s deadline and stops deciding', async () => {
    const { change, signals, release } = held()
    const { wires, client } = await house(change)
    const fault = await ask(client, 'Check', QUESTION, wires.keys.decide, { deadline: Date.now() + 300 }).catch((reason) => reason)
    expect(fault.code).toBe(status.DEADLINE_EXCEEDED)
    await until(() => signals.every((signal) => signal.aborted))
    release()
    await until(() => wires.admission.inFlight() === 0)
  })
})

describe('a key that is revoked while its request is still being sent', () => {
  it.each([
    ['decides nothing', '/v1/check', QUESTION],
    ['makes no caller', '/v1/callers', { name: 'heir', scopes: ['administer'] }],
    ['changes nothing', '/v1/tenants/north/users/dan/assignments', { role: 'coder' }],
  ])('%s once the revocation was acknowledged', async (_, path, fields) => {
    let known = 0
    const { wires } = await house((needs) => ({
      ...needs,
      authentication: {
        async authenticate(authorization) {
          const caller = await needs.authentication.authenticate(authorization)
          known += 1
          return caller
        },
      },
    }))
    const { administration, context, admin } = wires.house
    const { record, key } = await administration.createCaller(context, { name: 'stolen', scopes: ['administer', 'decide'] })
    const before = (await administration.listAudit(admin, {}, { pageSize: 100 })).items.length
    const body = JSON.stringify(fields)
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': String(body.length) }
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: wires.http.port, path, method: 'POST', agent: false, headers }, resolve)
      sent.on('error', reject)
      sent.flushHeaders()
      until(() => known > 0)
        .then(() => administration.revokeCaller(context, record.id))
        .then(({ effective }) => (effective ? sent.end(body) : reject(new Error('not acknowledged'))))
        .catch(reject)
    })
    const answer = await answered
    answer.resume()
    expect(answer.statusCode).toBe(401)
    const { items } = await administration.listAudit(admin, {}, { pageSize: 100 })
    expect(items.slice(0, items.length - before)).toMatchObject([{ action: 'caller.revoke', target: record.id }])
  })
})

describe('failures', () => {
  it('are errors, never denies: 503 and UNAVAILABLE when the store fails, with nothing of the driver in them', async () => {
    const { wires, client } = await house(
      deciding(() => ({
        check: async () => {
          throw new StoreError('select * from secret', new Error('connect ECONNREFUSED 10.1.2.3'))
        },
      })),
    )
    const http = await call(wires, 'POST', '/v1/check', QUESTION)
    expect(http).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, json: { code: 'store_unavailable' } })
    const fault = await ask(client, 'Check', QUESTION, wires.keys.decide).catch((reason) => reason)
    expect(fault.code).toBe(status.UNAVAILABLE)
    for (const text of [http.text, JSON.stringify(detailsOf(fault)), fault.details]) expect(text).not.toMatch(/secret|10\.1/)
    expect(wires.logged.filter((line) => line['level'] === 'warn')).toHaveLength(2)
  })

  it('inside are 500 and INTERNAL without texts, logged with their cause and the request id', async () => {
    const fail = async () => {
      throw new TypeError('hunter2')
    }
    const { wires, client } = await house(deciding(() => ({ check: fail, checkBatch: async () => [new TypeError('hunter2')] })))
    const http = await call(wires, 'POST', '/v1/check', QUESTION, wires.keys.decide, { 'x-request-id': 'trace-3' })
    expect(http).toMatchObject({ status: 500, json: { code: 'internal', requestId: 'trace-3' } })
    expect(http.text).not.toContain('hunter2')
    const fault = await ask(client, 'Check', QUESTION, wires.keys.decide).catch((reason) => reason)
    expect(fault.code).toBe(status.INTERNAL)
    expect(fault.details).not.toContain('hunter2')
    const batch = await call(wires, 'POST', '/v1/check/batch', { items: [QUESTION] })
    expect(batch).toMatchObject({ status: 200, json: { items: [{ error: { code: 'internal' } }] } })
    expect(batch.text).not.toContain('hunter2')
    const errors = wires.logged.filter((line) => line['level'] === 'error')
    expect(errors).toMatchObject([{ requestId: 'trace-3', err: { message: 'hunter2' } }, { wire: 'grpc' }, { method: 'BatchCheck' }])
  })

  it('say that a position is not reached with 503 and UNAVAILABLE', async () => {
    const { wires, client } = await house(
      deciding(() => ({
        check: async () => {
          throw new OurServiceError('position_not_reached', 'Not yet.', { retryAfterSeconds: 1 })
        },
      })),
    )
    expect(await call(wires, 'POST', '/v1/check', QUESTION)).toMatchObject({ status: 503, json: { code: 'position_not_reached' } })
    expect((await ask(client, 'Check', QUESTION, wires.keys.decide).catch((reason) => reason)).code).toBe(status.UNAVAILABLE)
  })
})

describe('stopping', () => {
  it('lets requests under way end on both wires, and takes no new ones', async () => {
    const { change, signals, release } = held()
    const { wires, client } = await house(change)
    const http = call(wires, 'POST', '/v1/check', QUESTION)
    const grpc = ask(client, 'Check', QUESTION, wires.keys.decide)
    await until(() => signals.length === 2)
    const drained = Promise.all([wires.http.drain(), wires.grpc.drain()])
    await expect(send(wires.http.port, { path: '/livez' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    release()
    expect(await http).toMatchObject({ status: 200, json: { allowed: true }, headers: { connection: 'close' } })
    expect(await grpc).toMatchObject({ allowed: true })
    await drained
  })

  it('ends open streams after their answers, with UNAVAILABLE, so that clients go elsewhere', async () => {
    const { change, signals, release } = held()
    const { wires, client } = await house(change)
    const stream = client.CheckStream(bearer(wires.keys.decide))
    const answers: Client[] = []
    stream.on('data', (answer: Client) => answers.push(answer))
    stream.on('error', () => undefined)
    const ended = new Promise<{ code: number }>((resolve) => stream.on('status', resolve))
    stream.write({ id: 'a', check: QUESTION })
    await until(() => signals.length === 1)
    const drained = wires.grpc.drain()
    release()
    expect((await ended).code).toBe(status.UNAVAILABLE)
    expect(answers).toMatchObject([{ id: 'a', decision: { allowed: true } }])
    await drained
  })

  it('closes without draining, twice, though connections are open', async () => {
    const { wires, client } = await house()
    const agent = new Agent({ keepAlive: true })
    await send(wires.http.port, { path: '/livez', agent })
    await ask(client, 'Check', QUESTION, wires.keys.decide)
    for (let round = 0; round < 2; round += 1) {
      await wires.http.close()
      await wires.grpc.close()
    }
    agent.destroy()
  })
})

describe('connection age', () => {
  it('asks an old HTTP connection to leave after an answer, not a young one', async () => {
    let nowMs = 0
    const clock: Clock = { ...systemClock, nowMs: () => nowMs, monotonicMs: () => nowMs }
    const { wires } = await house((needs) => ({ ...needs, clock, connectionAgeMs: 1000 }))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () =>
      send(
        wires.http.port,
        {
          method: 'POST',
          path: '/v1/check',
          agent,
          headers: { authorization: `Bearer ${wires.keys.decide}`, 'content-type': 'application/json' },
        },
        JSON.stringify(QUESTION),
      )
    expect((await ask()).headers['connection']).not.toBe('close')
    nowMs = 1001
    expect((await ask()).headers['connection']).toBe('close')
    agent.destroy()
  })
})

describe('probes and metrics', () => {
  it('say alive always and ready only when every dependency is, on either port', async () => {
    const { wires } = await house()
    const probes = await openProbeServer({ host: '127.0.0.1', port: 0, metrics: wires.metrics, readiness: async () => wires.readiness })
    try {
      for (const port of [wires.http.port, probes.port]) {
        wires.readiness = { ready: true, checks: [] }
        expect(await send(port, { path: '/readyz' })).toMatchObject({ status: 200, json: { ready: true } })
        wires.readiness = { ready: false, checks: [{ name: 'database', ok: false, text: 'does not answer' }] }
        expect(await send(port, { path: '/readyz' })).toMatchObject({ status: 503, json: { checks: [{ name: 'database', ok: false }] } })
        expect(await send(port, { path: '/livez' })).toMatchObject({ status: 200 })
      }
      expect(await send(probes.port, { path: '/nowhere' })).toMatchObject({ status: 404 })
      expect(await send(probes.port, { path: '/livez', method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
      expect(await send(wires.http.port, { path: '/metrics' })).toMatchObject({ status: 404 })
    } finally {
      await probes.close()
    }
  })

  it('count decisions and requests of both wires, in labels that no caller can add to', async () => {
    const { wires, client } = await house()
    await call(wires, 'POST', '/v1/check', QUESTION)
    await call(wires, 'POST', '/v1/check', { ...QUESTION, user: 'zoe' })
    await call(wires, 'GET', '/some/where')
    await ask(client, 'Check', QUESTION, wires.keys.decide)
    await ask(client, 'Check', QUESTION, 'nobody').catch(() => undefined)
    const { body } = await wires.metrics.text()
    for (const line of [
      'castellan_decisions_total{wire="http",outcome="allow",reason="ROLE"} 1',
      'castellan_decisions_total{wire="http",outcome="deny",reason="UNKNOWN_USER"} 1',
      'castellan_decisions_total{wire="grpc",outcome="allow",reason="ROLE"} 1',
      'castellan_requests_total{wire="http",method="Check",code="ok"} 2',
      'castellan_requests_total{wire="http",method="unmatched",code="route_not_found"} 1',
      'castellan_requests_total{wire="grpc",method="Check",code="unauthenticated"} 1',
      'castellan_request_seconds_count{wire="grpc",method="Check"} 2',
    ]) {
      expect(body).toContain(line)
    }
    expect(body).not.toMatch(/zoe|some\/where/)
  })
})
