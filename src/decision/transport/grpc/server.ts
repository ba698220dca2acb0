/** The gRPC wire: opens, drains and closes. What calls mean is in the operations. Floor 5. */
import { type handleUnaryCall, Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { service as healthService } from 'grpc-health-check'
import { BODY_BYTES_MAX, CONNECTION_AGE_MS, DRAIN_TIMEOUT_MS, HEADER_BYTES_MAX, STREAMS_PER_CONNECTION_MAX } from '../../../model/limits.ts'
import { POLICY_REQUEST_TIMEOUT_MS } from '../../../model/policy-limits.ts'
import type { TlsFiles } from '../../../wire/http/server.ts'
import { plainBatch } from '../../translate/decision-requests.ts'
import { plainRequest } from '../../translate/grpc-message.ts'
import { accessOperations } from '../access-operations.ts'
import { openStreams } from '../open-streams.ts'
import { planOperation } from '../release-operations.ts'
import { watchOperation } from '../watch-operation.ts'
import { type OperationName, type WireNeeds, wireOperations, wireQuickDecisions } from '../wire-needs.ts'
import { openCheckStreams } from './check-stream.ts'
import { type Decoded, loadDefinitions, politely } from './definitions.ts'
import { openHealth } from './health.ts'
import { ownServerOf } from './hot/own-server.ts'
import { quickCheckStreams } from './hot/quick-check-streams.ts'
import { quickStreams } from './hot/quick-streams.ts'
import { planStream } from './plan-stream.ts'
import { isQuick, METHODS_IN_BYTES, quickAnswers } from './quick-answers.ts'
import { addReflection } from './reflection.ts'
import { unary } from './unary.ts'
import { watchAccessStream } from './watch-access-stream.ts'
import { watchStream } from './watch-stream.ts'

export interface GrpcServer {
  readonly port: number
  readonly health: { set(serving: boolean): void }
  /** Stops accepting, lets calls under way end, at most DRAIN_TIMEOUT_MS long. */
  drain(): Promise<void>
  /** Ends whatever is left. Safe to call twice, and without draining. */
  close(): Promise<void>
}

export interface GrpcOptions {
  /** Absent: answer what memory has on grpc-js's own HTTP/2 server. False: by grpc-js alone, which says the same. */
  readonly hot?: boolean
}

/** Not serving by its health service until `health.set(true)`. @throws when the port is taken or the certificate is bad */
export async function openGrpcServer(needs: WireNeeds, { hot = true }: GrpcOptions = {}): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': BODY_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc.max_metadata_size': HEADER_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION_MAX,
    'grpc.max_connection_age_ms': needs.connectionAgeMs ?? CONNECTION_AGE_MS,
    // A publisher's call must not be cut with its outcome unknown.
    'grpc.max_connection_age_grace_ms': POLICY_REQUEST_TIMEOUT_MS,
  })
  const definitions = loadDefinitions(METHODS_IN_BYTES)
  const decisions = wireQuickDecisions('grpc', needs)
  const quick = decisions && quickAnswers(decisions, definitions)
  const operations = wireOperations('grpc', needs)
  const handlers: Record<string, handleUnaryCall<Decoded, object>> = {}
  for (const method of Object.keys(operations) as OperationName[]) {
    const toPlain = method === 'BatchCheck' ? plainBatch : plainRequest
    handlers[method] = unary(method, operations[method], toPlain, needs, definitions, isQuick(method) ? quick : undefined)
  }
  const checks = openCheckStreams(operations.Check, needs, definitions, quick)
  const only = (names: readonly string[]) => Object.fromEntries(Object.entries(handlers).filter(([name]) => names.includes(name)))
  server.addService(definitions.decision, {
    ...only(Object.keys(definitions.decision)),
    CheckStream: checks.handle,
  } as unknown as UntypedServiceImplementation)
  const streams = openStreams()
  server.addService(definitions.administration, {
    ...only(Object.keys(definitions.administration)),
    PlanPolicy: planStream(planOperation(needs.releases), streams, needs, definitions),
  } as unknown as UntypedServiceImplementation)
  server.addService(definitions.audit, {
    ...only(Object.keys(definitions.audit)),
    WatchDecisions: watchStream(watchOperation(needs.live), streams, needs, definitions),
  } as unknown as UntypedServiceImplementation)
  const access = accessOperations(needs.replication)
  server.addService(definitions.access, {
    LoadAccess: unary('LoadAccess', access.LoadAccess, plainRequest, needs, definitions),
    LoadPolicy: unary('LoadPolicy', access.LoadPolicy, plainRequest, needs, definitions),
    WatchAccess: watchAccessStream(streams, needs, definitions),
  } as unknown as UntypedServiceImplementation)
  const health = openHealth()
  server.addService(politely(healthService), health.handlers)
  if (!addReflection(server)) needs.log.warn('gRPC reflection is off: dist/castellan.binpb is missing, run `npm run build`')

  const port = await bind(server, needs)
  if (quick !== undefined && hot) {
    const own = ownServerOf(server)
    if (own === undefined)
      needs.log.warn('gRPC is served by grpc-js alone, at half the speed: this version keeps its HTTP/2 server elsewhere')
    else own.replaceListener((listener) => quickStreams(quick, needs, quickCheckStreams(checks, listener)))
  }
  const shutdown = (): Promise<void> => new Promise((resolve) => server.tryShutdown(() => resolve()))
  return {
    port,
    health,
    async drain() {
      health.set(false)
      health.close()
      checks.drain()
      streams.drain()
      await within(DRAIN_TIMEOUT_MS, shutdown())
    },
    async close() {
      health.close()
      server.forceShutdown()
    },
  }
}

function bind(server: Server, needs: WireNeeds): Promise<number> {
  const host = needs.host.includes(':') ? `[${needs.host}]` : needs.host
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${needs.port}`, credentialsOf(needs.tls), (fault, port) => (fault === null ? resolve(port) : reject(fault)))
  })
}

function credentialsOf(tls: TlsFiles | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }
  const clientCa = tls.clientCa === undefined ? null : Buffer.from(tls.clientCa)
  return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null)
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([work, timeout])
  clearTimeout(timer)
}
