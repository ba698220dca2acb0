import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type GrpcServer, openGrpcServer } from '../../../../src/decision/transport/grpc/server.ts'
import { administrationClient, ask, bearer, type Client, call, decisionClient, detailsOf, openWires, type Wires } from '../wires.ts'

let wires: Wires
/** The same house once more, with grpc-js alone in front of it. */
let alone: GrpcServer
let client: Client
let administration: Client
beforeAll(async () => {
  wires = await openWires()
  alone = await openGrpcServer(wires.needs, { hot: false })
})
afterAll(async () => {
  await alone.close()
  await wires.close()
})

const READ = 'coding.medical-stay.read'

async function faultOf(answer: Promise<unknown>): Promise<ServiceError> {
  return answer.then(
    (value) => {
      throw new Error(`expected a fault, got ${JSON.stringify(value)}`)
    },
    (fault) => fault,
  )
}

/** google.protobuf.Value of a JSON value, written independently of the code under test. */
function value(json: unknown): object {
  if (json === null) return { nullValue: 0 }
  if (typeof json === 'boolean') return { boolValue: json }
  if (typeof json === 'number') return { numberValue: json }
  if (typeof json === 'string') return { stringValue: json }
  if (Array.isArray(json)) return { listValue: { values: json.map(value) } }
  return { structValue: struct(json as object) }
}
function struct(json: object): { fields: object } {
  return { fields: Object.fromEntries(Object.entries(json).map(([name, item]) => [name, value(item)])) }
}

describe.each([
  { way: 'on the HTTP/2 server of grpc-js', hot: true },
  { way: 'by grpc-js alone', hot: false },
])('answered $way', ({ hot }) => {
  beforeAll(() => {
    const { port } = hot ? wires.grpc : alone
    client = decisionClient(port)
    administration = administrationClient(port)
  })
  afterAll(() => {
    client.close()
    administration.close()
  })

  describe('questions over gRPC', () => {
    it('allows and denies with reason, both with status OK', async () => {
      const allowed = await ask(client, 'Check', { user: 'ann', tenant: 'north', permission: READ }, wires.keys.decide)
      expect(allowed).toMatchObject({ allowed: true, reason: 'ROLE', via: ['coder'], policyRevision: expect.any(String) })
      const denied = await ask(client, 'Check', { user: 'zoe', tenant: 'north', permission: READ }, wires.keys.decide)
      expect(denied).toMatchObject({ reason: 'UNKNOWN_USER', decisionId: expect.any(String) })
      expect(denied.allowed ?? false).toBe(false)
    })

    it('answers batches item by item, many permissions, lists and explanations', async () => {
      const items = [{ permission: READ }, {}, { user: 'bob', permission: 'finance.read' }, { tenant: 'south', permission: READ }]
      const batch = await ask(client, 'BatchCheck', { user: 'ann', tenant: 'north', items }, wires.keys.limited)
      expect(batch.items).toMatchObject([
        { result: 'decision', decision: { allowed: true } },
        { result: 'error', error: { code: 'request_invalid', violations: [{ field: 'items[1].permission' }] } },
        { result: 'decision', decision: { reason: 'ROLE_LACKS_PERMISSION' } },
        { result: 'error', error: { code: 'permission_denied' } },
      ])
      const many = await ask(
        client,
        'CheckPermissions',
        { user: 'ann', tenant: 'north', permissions: [READ, 'finance.read'] },
        wires.keys.decide,
      )
      expect(many.allowed).toEqual([true, false])
      const list = await ask(client, 'ListPermissions', { user: 'bob', tenant: 'north' }, wires.keys.decide)
      expect(list.permissions).toMatchObject([{ permission: READ, via: ['reader'] }])
      const who = await ask(client, 'ListUsers', { tenant: 'north', permission: READ, pageSize: 1 }, wires.keys.decide)
      expect(who).toMatchObject({ users: [{ user: 'ann' }], nextPageToken: expect.any(String) })
      const why = await ask(client, 'Explain', { user: 'bob', tenant: 'north', permission: 'finance.read' }, wires.keys.admin)
      expect(why).toMatchObject({
        tenantState: 'ACTIVE',
        tried: [{ role: 'reader', validFrom: { seconds: expect.any(Number) } }],
        wouldAllowWith: ['clerk'],
      })
    })

    it('carries errors as google.rpc details: reason, field violations', async () => {
      const fault = await faultOf(ask(client, 'Check', { user: 'ann', resource: {} }, wires.keys.decide))
      expect(fault.code).toBe(status.INVALID_ARGUMENT)
      expect(detailsOf(fault)).toMatchObject({
        code: status.INVALID_ARGUMENT,
        message: fault.details,
        details: [
          { type: 'google.rpc.ErrorInfo', reason: 'REQUEST_INVALID', domain: 'castellan' },
          {
            type: 'google.rpc.BadRequest',
            fieldViolations: expect.arrayContaining([
              { field: 'tenant', description: 'is required' },
              { field: 'permission', description: 'is required' },
            ]),
          },
        ],
      })
    })

    it('refuses who is unknown, who lacks a scope and who is limited to other tenants', async () => {
      const question = { user: 'ann', tenant: 'south', permission: READ }
      expect((await faultOf(ask(client, 'Check', question, 'nobody'))).code).toBe(status.UNAUTHENTICATED)
      expect((await faultOf(ask(client, 'Check', question, wires.keys.limited))).code).toBe(status.PERMISSION_DENIED)
      expect((await faultOf(ask(administration, 'PutTenant', { tenant: 'south' }, wires.keys.decide))).code).toBe(status.PERMISSION_DENIED)
      const fault = await new Promise<ServiceError>((resolve) => client.Check(question, new Metadata(), resolve))
      expect(fault.code).toBe(status.UNAUTHENTICATED)
      expect(detailsOf(fault).details).toMatchObject([{ reason: 'UNAUTHENTICATED' }])
    })

    it('administers, with instants, attributes and the request id', async () => {
      const east = hot ? 'east' : 'east-of-here'
      const put = await ask(
        administration,
        'PutTenant',
        { tenant: east, displayName: 'East', attributes: struct({ beds: 3, wards: ['a', null] }) },
        wires.keys.admin,
      )
      expect(put).toMatchObject({ tenant: { id: east, displayName: 'East', state: 'active' }, changed: true })
      expect((await call(wires, 'GET', `/v1/tenants/${east}`)).json.tenant.attributes).toEqual({ beds: 3, wards: ['a', null] })
      const grant = {
        tenant: east,
        user: 'ivo',
        role: 'reader',
        validFrom: { seconds: 1_893_456_000 },
        expiresAt: { seconds: 1_896_134_400, nanos: 5e8 },
      }
      const made = await ask(administration, 'CreateAssignment', grant, wires.keys.admin)
      expect(made.assignment).toMatchObject({ role: 'reader', expiresAt: { seconds: 1_896_134_400, nanos: 5e8 } })
      expect((await ask(administration, 'ListAssignments', { tenant: east, user: 'ivo' }, wires.keys.admin)).assignments).toHaveLength(1)
      const metadata = bearer(wires.keys.admin)
      metadata.set('x-request-id', 'trace-7')
      const echoed = await new Promise<Metadata>((resolve, reject) => {
        let told: Metadata | undefined
        // What it answers comes after its metadata, and only then has it been done.
        const answered = (fault: Error | null) => (fault === null && told !== undefined ? resolve(told) : reject(fault))
        administration.SuspendTenant({ tenant: east, reason: 'test' }, metadata, answered).on('metadata', (received: Metadata) => {
          told = received
        })
      })
      expect(echoed.get('x-request-id')).toEqual(['trace-7'])
      const audit = await ask(administration, 'ListAudit', { tenant: east }, wires.keys.admin)
      expect(audit.entries).toMatchObject([
        { action: 'tenant.suspend', requestId: 'trace-7', before: { structValue: expect.anything() } },
        {},
        {},
      ])
      const caller = await ask(
        administration,
        'CreateCaller',
        { name: 'n', scopes: ['decide'], tenants: { ids: [east] } },
        wires.keys.admin,
      )
      expect(caller).toMatchObject({ key: expect.any(String), caller: { tenants: { ids: [east] } } })
      const none = await faultOf(ask(administration, 'CreateCaller', { name: 'n', scopes: ['decide'], tenants: {} }, wires.keys.admin))
      expect(none.code).toBe(status.INVALID_ARGUMENT)
      expect((await ask(administration, 'GetPolicy', {}, wires.keys.admin)).revision).toHaveLength(64)
    })

    it('refuses Structs and Timestamps that have no JSON form, by their field', async () => {
      const question = { user: 'ann', tenant: 'north', permission: READ }
      let deep: object = { fields: { a: { numberValue: 1 } } }
      for (let depth = 1; depth < 17; depth += 1) deep = { fields: { a: { structValue: deep } } }
      const proto = { fields: Object.create(null) }
      Object.defineProperty(proto.fields, '__proto__', { value: { numberValue: 1 }, enumerable: true })
      for (const resource of [
        deep,
        proto,
        struct({ a: Number.NaN }),
        struct({ a: Number.POSITIVE_INFINITY }),
        { fields: { a: {} } },
        struct({ a: '\ufffd' }),
      ]) {
        const fault = await faultOf(ask(client, 'Check', { ...question, resource }, wires.keys.decide))
        expect(fault.code).toBe(status.INVALID_ARGUMENT)
        expect(detailsOf(fault).details[1].fieldViolations[0].field).toMatch(/^resource/)
      }
      for (const expiresAt of [
        { seconds: 9e15 },
        { seconds: -9e15 },
        { seconds: 253_402_300_800 },
        { seconds: 1, nanos: -1 },
        { seconds: 1, nanos: 2e9 },
      ]) {
        const fault = await faultOf(
          ask(administration, 'CreateAssignment', { tenant: 't', user: 'u', role: 'coder', expiresAt }, wires.keys.admin),
        )
        expect(detailsOf(fault).details[1].fieldViolations[0].field).toBe('expiresAt')
      }
    })

    it('refuses a position beyond what a number holds exactly', async () => {
      const question = { user: 'ann', tenant: 'north', permission: READ }
      for (const minPosition of ['9007199254740993', '9223372036854775807', -1]) {
        expect((await faultOf(ask(client, 'Check', { ...question, minPosition }, wires.keys.decide))).code).toBe(status.INVALID_ARGUMENT)
      }
      expect(await ask(client, 'Check', { ...question, minPosition: 0 }, wires.keys.decide)).toMatchObject({ allowed: true })
    })
  })

  describe('malformed messages', () => {
    /** A unary call with these bytes as its message. */
    function sendBytes(method: string, bytes: Uint8Array): Promise<ServiceError | null> {
      const path = `/castellan.v1.${method}`
      return new Promise((resolve) => {
        client.makeUnaryRequest(
          path,
          () => Buffer.from(bytes),
          (answer: Buffer) => answer,
          {},
          bearer(wires.keys.admin),
          {},
          resolve,
        )
      })
    }

    it('answers INVALID_ARGUMENT to bytes that are no message, and to wrong wire types', async () => {
      for (const bytes of [[0xff], [0x0a, 0x7f], [0x0b], [0x08, 0x01], [0x0a, 0x01], [0x22, 0x02, 0x0a, 0x7f], Array(5000).fill(0x0b)]) {
        const fault = await sendBytes('DecisionService/Check', Uint8Array.from(bytes))
        expect(fault?.code).toBe(status.INVALID_ARGUMENT)
      }
    })

    it('answers INVALID_ARGUMENT to a Struct nested deeper than any stack', async () => {
      // Each level wraps the last: Value.structValue { Struct.fields { value } }, built from the inside out.
      let parts: Buffer[] = []
      let length = 0
      const wrap = (tag: number) => {
        const head = [tag]
        for (let rest = length; ; rest >>>= 7) {
          head.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
          if (rest <= 0x7f) break
        }
        parts.push(Buffer.from(head))
        length += head.length
      }
      for (let depth = 0; depth < 70_000; depth += 1) {
        wrap(0x12)
        wrap(0x0a)
        wrap(0x2a)
      }
      wrap(0x12)
      wrap(0x0a)
      wrap(0x22)
      parts = parts.reverse()
      const fault = await sendBytes('DecisionService/Check', Buffer.concat(parts))
      expect(fault?.code).toBe(status.INVALID_ARGUMENT)
    })

    it('answers RESOURCE_EXHAUSTED to a message beyond 1 MiB', async () => {
      const fault = await sendBytes('DecisionService/Check', new Uint8Array(1_048_577))
      expect(fault?.code).toBe(status.RESOURCE_EXHAUSTED)
    })

    it('answers UNIMPLEMENTED to a method that is not known', async () => {
      expect((await sendBytes('DecisionService/Decide', new Uint8Array()))?.code).toBe(status.UNIMPLEMENTED)
    })

    it('never answers INTERNAL or UNKNOWN to random bytes, on any method', async () => {
      const methods = ['Check', 'BatchCheck', 'CheckPermissions', 'ListPermissions', 'ListUsers', 'Explain'].map(
        (name) => `DecisionService/${name}`,
      )
      methods.push(
        ...['PutTenant', 'PutUser', 'CreateAssignment', 'CreateCaller', 'ListAudit', 'GetPolicy'].map(
          (name) => `AdministrationService/${name}`,
        ),
      )
      // Bytes that look like fields reach further than noise does.
      const field = fc
        .tuple(fc.constantFrom(0x0a, 0x12, 0x1a, 0x22, 0x28, 0x32), fc.uint8Array({ maxLength: 20 }))
        .map(([tag, bytes]) => [tag, bytes.length, ...bytes])
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        fc.array(field, { maxLength: 6 }).map((fields) => Uint8Array.from(fields.flat())),
      )
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...methods), bytes, async (method, sent) => {
          const fault = await sendBytes(method, sent)
          expect([status.INTERNAL, status.UNKNOWN, status.UNAVAILABLE]).not.toContain(fault?.code)
        }),
        { numRuns: 300 },
      )
      expect(await ask(client, 'Check', { user: 'ann', tenant: 'north', permission: READ }, wires.keys.decide)).toMatchObject({
        allowed: true,
      })
      expect(wires.logged.filter((line) => line['level'] === 'error')).toEqual([])
    })
  })

  describe('both wires', () => {
    it('give the same answer, or name the same fields, for the same question', async () => {
      const word = fc.constantFrom(
        'ann',
        'bob',
        'north',
        'south',
        READ,
        'coding.medical-stay.validate',
        't.0',
        '',
        'a\u0000',
        'x'.repeat(257),
        '__proto__',
        'é',
        '😀',
      )
      const json = fc.jsonValue({ maxDepth: 3 }).filter((candidate) => !JSON.stringify(candidate).includes('\ufffd'))
      const question = fc.record(
        {
          user: word,
          tenant: word,
          permission: word,
          resource: fc.dictionary(fc.string({ maxLength: 5 }), json, { maxKeys: 4 }),
          minPosition: fc.constantFrom(0, 1, -1),
        },
        { requiredKeys: [] },
      )
      await fc.assert(
        fc.asyncProperty(question, async (asked) => {
          const http = await call(wires, 'POST', '/v1/check', asked, wires.keys.decide)
          const { resource, ...rest } = asked
          const message = resource === undefined ? rest : { ...rest, resource: struct(resource) }
          // proto3 cannot say an empty string: the field is then absent, and required all the same.
          const grpc = await ask(client, 'Check', message, wires.keys.decide).catch((fault: ServiceError) => fault)
          if (http.status === 200) {
            expect({ allowed: grpc.allowed ?? false, reason: grpc.reason, via: grpc.via ?? [] }).toEqual({
              allowed: http.json.allowed,
              reason: http.json.reason,
              via: http.json.via,
            })
          } else {
            expect(grpc.code).toBe(status.INVALID_ARGUMENT)
            const top = (field: string) => field.split(/[.[]/)[0]
            const fields = detailsOf(grpc).details[1].fieldViolations.map((violation: { field: string }) => top(violation.field))
            const httpFields = http.json.violations.map((violation: { field: string }) => top(violation.field))
            if (!httpFields.includes('body')) expect(new Set(fields)).toEqual(new Set(httpFields))
          }
        }),
        { numRuns: 200 },
      )
    })
  })
})
