/** The real house behind both real wires, on free ports of loopback, with the keys of several callers. */
import { createHash, randomBytes } from 'node:crypto'
import { request as plainRequest, type RequestOptions } from 'node:http'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { type GrpcServer, openGrpcServer } from '../../../src/decision/transport/grpc/server.ts'
import { openHttpWire } from '../../../src/decision/transport/http/open.ts'
import { openWireMetrics } from '../../../src/decision/transport/wire-metrics.ts'
import type { WireNeeds } from '../../../src/decision/transport/wire-needs.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { openLog } from '../../../src/ground/log.ts'
import { type Metrics, openMetrics } from '../../../src/ground/metrics.ts'
import { packageRoot } from '../../../src/ground/package-root.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import type { DecisionPoint } from '../../../src/model/decision.ts'
import { type Admission, openAdmission } from '../../../src/wire/admission.ts'
import { openAuthentication } from '../../../src/wire/authentication.ts'
import type { HttpServer } from '../../../src/wire/http/server.ts'
import type { ReadinessReport } from '../../../src/wire/readiness.ts'
import { bundleOf, type House, openHouse } from '../../support/house.ts'

export const ADMIN_KEY = 'test-admin-key'

export const ROLES = {
  coder: ['coding.medical-stay.read', 'coding.medical-stay.validate'],
  reader: ['coding.medical-stay.read'],
  clerk: ['finance.read'],
}

export interface Wires {
  readonly house: House
  readonly http: HttpServer
  readonly grpc: GrpcServer
  readonly admission: Admission
  readonly metrics: Metrics
  /** Lines of the log, parsed. */
  readonly logged: Record<string, unknown>[]
  readonly needs: WireNeeds
  readonly keys: { readonly admin: string; readonly decide: string; readonly limited: string }
  readiness: ReadinessReport
  close(): Promise<void>
}

/** ann is a coder in north, bob a reader; nobody is anything in south. `limited` may decide in north only. */
export async function openWires(change: (needs: WireNeeds, house: House) => WireNeeds = (needs) => needs): Promise<Wires> {
  const house = await openHouse(bundleOf(ROLES))
  await house.administration.grant(house.context, { tenant: 'north', user: 'ann', role: 'coder' })
  await house.administration.grant(house.context, { tenant: 'north', user: 'bob', role: 'reader' })
  await house.administration.putTenant(house.context, { tenant: 'south' })
  const decide = await house.administration.createCaller(house.context, { name: 'service', scopes: ['decide'] })
  const limited = await house.administration.createCaller(house.context, { name: 'limited', scopes: ['decide'], tenants: ['north'] })
  const logged: Record<string, unknown>[] = []
  const metrics = openMetrics()
  const admission = openAdmission()
  const wireMetrics = openWireMetrics(metrics)
  const needs = change(
    {
      host: '127.0.0.1',
      port: 0,
      decisions: house.decisions,
      administration: house.administration,
      releases: house.releases,
      authentication: openAuthentication({
        findCallerByKeyHash: (hash) => house.freshness.callers.findByKeyHash(hash),
        recallCallerByKeyHash: (hash) => house.freshness.callers.recallByKeyHash(hash),
        adminKey: ADMIN_KEY,
      }),
      admission,
      log: openLog('info', { write: (line) => void logged.push(JSON.parse(line)) }),
      metrics: wireMetrics,
      observer: wireMetrics,
      ...house.auditing,
      clock: systemClock,
      random: systemRandom,
    },
    house,
  )
  const wires = {
    house,
    admission: needs.admission,
    metrics,
    logged,
    needs,
    keys: { admin: ADMIN_KEY, decide: decide.key, limited: limited.key },
    readiness: { ready: true, checks: [{ name: 'database', ok: true, text: 'answers' }] },
  }
  const http = await openHttpWire({ ...needs, readiness: async () => wires.readiness })
  const grpcServer = await openGrpcServer(needs)
  return Object.assign(wires, {
    http,
    grpc: grpcServer,
    async close() {
      await http.close()
      await grpcServer.close()
      await house.close()
    },
  })
}

const NOT_AT_ONCE = { recallCheck: () => undefined, recallBatch: () => undefined, recallPermissions: () => undefined }

/** A decision point that does what `change` says and asks the real one otherwise. Answers nothing at once unless `change` does. */
export function deciding(change: (real: DecisionPoint) => Partial<DecisionPoint>) {
  return (needs: WireNeeds): WireNeeds => ({ ...needs, decisions: { ...needs.decisions, ...NOT_AT_ONCE, ...change(needs.decisions) } })
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  readonly json: any
}

/** Sends exactly what it is told: no client's good manners in between. */
export function send(port: number, options: RequestOptions, body?: string | Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = plainRequest({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const json =
          /^application\/(problem\+)?json/.test(response.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : undefined
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

export function call(
  wires: Wires,
  method: string,
  path: string,
  body?: unknown,
  key: string = wires.keys.admin,
  headers: Record<string, string> = {},
) {
  const bytes = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return send(
    wires.http.port,
    {
      method,
      path,
      headers: {
        authorization: `Bearer ${key}`,
        ...(bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(bytes)) }),
        ...headers,
      },
    },
    bytes,
  )
}

// biome-ignore lint/suspicious/noExplicitAny: proto-loader makes clients without types
export type Client = any

const INCLUDE = join(packageRoot(), 'proto')
const OPTIONS = { includeDirs: [INCLUDE], keepCase: false, longs: Number, enums: String, defaults: false, oneofs: true }
const loaded = loadSync(
  [
    ...['castellan/v1/decision_service.proto', 'castellan/v1/administration_service.proto'],
    ...['castellan/v1/audit_service.proto', 'castellan/v1/access_service.proto'],
  ],
  OPTIONS,
)
const details = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], OPTIONS)
// biome-ignore lint/suspicious/noExplicitAny: see Client
const packages = grpc.loadPackageDefinition(loaded) as any

export function decisionClient(port: number, credentials = grpc.credentials.createInsecure()): Client {
  return new packages.castellan.v1.DecisionService(`127.0.0.1:${port}`, credentials)
}
export function administrationClient(port: number): Client {
  return new packages.castellan.v1.AdministrationService(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
}
export function auditClient(port: number): Client {
  return new packages.castellan.v1.AuditService(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
}

export function accessClient(port: number): Client {
  return new packages.castellan.v1.AccessService(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
}

export function bearer(key: string): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${key}`)
  return metadata
}

/** A unary call as a promise; rejects with the ServiceError. */
export function ask(client: Client, method: string, message: unknown, key: string, options: grpc.CallOptions = {}): Promise<Client> {
  return new Promise((resolve, reject) => {
    client[method](message, bearer(key), options, (fault: unknown, answer: unknown) => (fault ? reject(fault) : resolve(answer)))
  })
}

/** google.rpc details of a failed call, decoded. */
export function detailsOf(fault: grpc.ServiceError): { code: number; message: string; details: Client[] } {
  const [bytes] = fault.metadata.get('grpc-status-details-bin')
  // biome-ignore lint/suspicious/noExplicitAny: proto-loader's definitions have no types
  const decode = (name: string, value: Buffer) => (details[name] as any).deserialize(value)
  const status = decode('google.rpc.Status', bytes as Buffer)
  return {
    ...status,
    details: status.details.map((any: { type_url: string; value: Buffer }) => {
      const name = any.type_url.replace('type.googleapis.com/', '')
      return { type: name, ...decode(name, any.value) }
    }),
  }
}

export function randomKey(): string {
  return createHash('sha256').update(randomBytes(32)).digest('base64url')
}
