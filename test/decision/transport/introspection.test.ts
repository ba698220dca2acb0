import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { protoPath } from 'grpc-health-check'
import { ROUTES } from '../../../src/decision/transport/http/routes.ts'
import { packageRoot } from '../../../src/ground/package-root.ts'
import { type Client, openWires, send, type Wires } from './wires.ts'

let wires: Wires
beforeAll(async () => {
  if (!existsSync(join(packageRoot(), 'dist', 'castellan.binpb')))
    throw new Error('run `npm run build` first: reflection serves what it makes')
  wires = await openWires()
})
afterAll(() => wires.close())

const run = promisify(execFile)
const BUF = join(packageRoot(), 'node_modules', '@bufbuild', 'buf', 'bin', 'buf')

function buf(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [BUF, 'curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args], { timeout: 50_000 })
}

describe('gRPC reflection', () => {
  it('lets a strict client list the methods, and call one that has a Struct, an int64 and camel case in it', async () => {
    const address = `http://127.0.0.1:${wires.grpc.port}`
    const methods = (await buf('--list-methods', address)).stdout
    expect(methods).toContain('castellan.v1.DecisionService/Check')
    expect(methods).toContain('castellan.v1.DecisionService/CheckStream')
    expect(methods).toContain('castellan.v1.AdministrationService/PutTenant')
    expect(methods).toContain('castellan.v1.AuditService/WatchDecisions')
    const question = { user: 'ann', tenant: 'north', permission: 't.0', resource: { a: { b: [1, 'x', null] } }, minPosition: '1' }
    const authorization = ['--header', `authorization: Bearer ${wires.keys.decide}`]
    const answer = await buf(...authorization, '--data', JSON.stringify(question), `${address}/castellan.v1.DecisionService/Check`)
    expect(JSON.parse(answer.stdout)).toMatchObject({ allowed: true, reason: 'ROLE', via: ['coder'] })
    const refused = await buf('--data', '{}', `${address}/castellan.v1.DecisionService/Check`).catch((fault) => fault)
    expect(JSON.parse(refused.stderr)).toMatchObject({ code: 'unauthenticated', details: [{ type: 'google.rpc.ErrorInfo' }] })
  })

  it('describes the health service, so that a strict client can list and call it without a key', async () => {
    const address = `http://127.0.0.1:${wires.grpc.port}`
    const methods = (await buf('--list-methods', address)).stdout
    for (const method of ['Check', 'Watch', 'List']) expect(methods).toContain(`grpc.health.v1.Health/${method}`)
    wires.grpc.health.set(true)
    const one = await buf('--data', '{"service": "castellan.v1.DecisionService"}', `${address}/grpc.health.v1.Health/Check`)
    expect(JSON.parse(one.stdout)).toEqual({ status: 'SERVING' })
    const all = await buf('--data', '{}', `${address}/grpc.health.v1.Health/List`)
    expect(JSON.parse(all.stdout)).toMatchObject({ statuses: { 'castellan.v1.AdministrationService': { status: 'SERVING' } } })
    wires.grpc.health.set(false)
  })
})

describe('gRPC health', () => {
  // biome-ignore lint/suspicious/noExplicitAny: clients of proto-loader have no types
  const { Health } = (loadPackageDefinition(loadSync(protoPath, { enums: String, defaults: true })) as any).grpc.health.v1

  it('answers Check by name and tells Watch each change, without a key', async () => {
    const client: Client = new Health(`127.0.0.1:${wires.grpc.port}`, credentials.createInsecure())
    const check = (service: string) =>
      new Promise((resolve) =>
        client.Check({ service }, new Metadata(), (fault: { code: number } | null, answer: { status: string }) =>
          resolve(fault?.code ?? answer.status),
        ),
      )
    const watched: string[] = []
    const watch = client.Watch({ service: 'castellan.v1.DecisionService' })
    let seen: () => void = () => undefined
    watch.on('error', () => undefined)
    watch.on('data', (answer: { status: string }) => {
      watched.push(answer.status)
      seen()
    })
    const told = (count: number) =>
      new Promise<void>((resolve) => {
        seen = () => watched.length >= count && resolve()
        seen()
      })
    await told(1)
    expect(await check('')).toBe('NOT_SERVING')
    wires.grpc.health.set(true)
    await told(2)
    for (const name of ['', 'castellan.v1.DecisionService', 'castellan.v1.AdministrationService']) expect(await check(name)).toBe('SERVING')
    expect(await check('somebody.Else')).toBe(status.NOT_FOUND)
    wires.grpc.health.set(false)
    await told(3)
    expect(watched).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING'])
    watch.cancel()
    client.close()
  })
})

describe('the API description', () => {
  it('shows every route of the table and nothing else, and refers to nothing that is missing', async () => {
    const answer = await send(wires.http.port, { path: '/openapi.json' })
    expect(answer).toMatchObject({ status: 200, json: { openapi: '3.1.0', security: [{ callerKey: [] }] } })
    const described = Object.entries(answer.json.paths).flatMap(([path, operations]) =>
      Object.keys(operations as object).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual(ROUTES.map((route) => `${route.method} ${route.path}`).sort())
    const references = [...answer.text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => String(match[1]).split('/'))
    expect(references.length).toBeGreaterThan(10)
    for (const steps of references) expect(steps.reduce((value, step) => value?.[step], answer.json)).toBeDefined()
    const ids = Object.values(answer.json.paths).flatMap((operations) =>
      Object.values(operations as object).map((operation) => operation.operationId),
    )
    expect(new Set(ids).size).toBe(ROUTES.length)
  })

  it('describes path, query and body of a route as they are parsed', async () => {
    const { paths } = (await send(wires.http.port, { path: '/openapi.json' })).json
    const check = paths['/v1/check'].post.requestBody.content['application/json'].schema
    expect(check).toMatchObject({
      required: ['permission'],
      anyOf: [{ required: ['user', 'tenant'] }, { required: ['accessToken'] }],
      additionalProperties: false,
    })
    const revoke = paths['/v1/tenants/{tenant}/users/{user}/assignments'].delete
    expect(revoke.parameters).toMatchObject([
      { name: 'tenant', in: 'path' },
      { name: 'user', in: 'path' },
      { name: 'role', in: 'query', required: true },
      { name: 'reason', required: false },
      { name: 'wait', in: 'query', required: false, schema: { type: 'boolean', examples: [true] } },
      { in: 'header' },
    ])
    expect(revoke.parameters[4].schema).not.toHaveProperty('anyOf')
    const grant = paths['/v1/tenants/{tenant}/users/{user}/assignments'].post
    expect(grant.requestBody.content['application/json'].schema.properties.wait).toMatchObject({
      type: 'boolean',
      description: expect.stringContaining('no replica'),
    })
    expect(grant.responses['201'].content['application/json'].schema.properties.effective).toMatchObject({
      type: 'boolean',
      description: expect.stringContaining('minPosition'),
    })
    expect(paths['/v1/tenants/{tenant}'].put.requestBody.content['application/json'].schema.properties).not.toHaveProperty('tenant')
  })

  it('has an example for every body, path and instant, and all of them parse as their route does', async () => {
    const { paths, components } = (await send(wires.http.port, { path: '/openapi.json' })).json
    for (const route of ROUTES) {
      const described = paths[route.path][route.method.toLowerCase()]
      const given: Record<string, unknown> = {}
      for (const { name, in: place, required, schema } of described.parameters) {
        if (place === 'path' || (place === 'query' && required)) expect([route.operation, name, schema.examples]).toHaveProperty('2.0')
        if (place !== 'header' && schema.examples !== undefined) given[name] = schema.examples[0]
      }
      const body = described.requestBody?.content['application/json']
      if (body !== undefined) expect([route.operation, body]).toHaveProperty('1.example')
      expect([route.operation, route.request.safeParse({ ...given, ...body?.example }).error]).toEqual([route.operation, undefined])
      for (const [name, schema] of Object.entries<Client>(body?.schema.properties ?? {})) {
        const single = route.request.shape[name] as { safeParse(value: unknown): { success: boolean } }
        for (const example of schema.examples ?? []) expect([name, single.safeParse(example).success]).toEqual([name, true])
      }
    }
    const assignments = paths['/v1/tenants/{tenant}/users/{user}/assignments']
    const grant = assignments.post.requestBody.content['application/json'].schema.properties
    for (const name of ['validFrom', 'expiresAt'])
      expect(grant[name]).toMatchObject({ format: 'date-time', examples: [expect.stringMatching(/Z$/)] })
    const audit = Object.fromEntries(paths['/v1/audit'].get.parameters.map((one: Client) => [one.name, one.schema]))
    for (const name of ['since', 'until']) expect(audit[name]).toMatchObject({ format: 'date-time' })
    expect(audit['tenant']).toMatchObject({ examples: ['acme'] })
    expect(paths['/v1/callers'].post.requestBody.content['application/json'].schema.properties.tenants.items.examples).toEqual(['acme'])
    const [id] = paths['/v1/tenants/{tenant}/users/{user}/assignments/{id}'].delete.parameters.filter((one: Client) => one.name === 'id')
    expect(id.schema.examples[0]).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(components.schemas.Assignment.properties).toMatchObject({ id: { examples: id.schema.examples }, tenant: { examples: ['acme'] } })
  })

  it('has a page of its own that loads nothing from elsewhere', async () => {
    const page = await send(wires.http.port, { path: '/docs' })
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none';script-src 'self';/)
    expect(page.headers['content-security-policy']).not.toContain('unsafe')
    expect(page.headers['x-powered-by']).toBeUndefined()
    const loaded = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => String(match[1]))
    expect(loaded.length).toBeGreaterThan(3)
    for (const path of loaded) {
      expect(path).toMatch(/^\//)
      expect(await send(wires.http.port, { path })).toMatchObject({ status: 200 })
    }
  })
})
