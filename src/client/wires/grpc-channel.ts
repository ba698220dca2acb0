/** The one gRPC channel of a client, its key and its errors; calls of whichever service go over it. Decides nothing. Floor 6. */
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  connectivityState,
  credentials as grpcCredentials,
  Metadata,
} from '@grpc/grpc-js'
import { systemClock } from '../../ground/clock.ts'
import type { CastellanError } from '../errors.ts'
import {
  GRPC_ANSWER_BYTES_MAX,
  KEEPALIVE_MS,
  KEEPALIVE_TIMEOUT_MS,
  NAME_LOOKUP_MS_MIN,
  RECONNECT_MS_MAX,
  RECONNECT_MS_MIN,
  RECONNECT_WAIT_MS,
} from '../limits.ts'
import { type Credentials, checkCredentials, openAuthorize, refusePlaintext, struck } from './credentials.ts'
import { loadClientDefinitions, type Message, type Method, type Methods } from './grpc-definitions.ts'
import { boundedHandshakes } from './grpc-handshake.ts'
import { servingRoundRobin } from './grpc-health.ts'
import { statusError } from './grpc-status.ts'
import { checkTarget } from './grpc-target.ts'
import { badAnswer, serviceError } from './service-error.ts'

export interface GrpcChannelOptions {
  /** `dns:///host:port` (all addresses of the name, in turn), `host:port`, `ipv4:address:port,address:port`, `ipv6:[address]:port` or `unix:/path`. */
  readonly target: string
  readonly credentials: Credentials
  /** The key may travel in the clear beyond this machine: for a network that is encrypted by itself. */
  readonly insecure?: boolean
}

export interface UnaryCall {
  readonly signal: AbortSignal
  readonly remainingMs: number
}

export interface GrpcChannel {
  /** For calls with streams: `client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, metadata)`. */
  readonly client: Client
  readonly decision: Methods
  readonly access: Methods
  /** With the key, for one call. Rejects with a `CastellanError`. */
  metadata(): Promise<Metadata>
  /** One attempt. Rejects with a `CastellanError`, also for an answer that is no message. */
  unary<Answer = Message>(method: Method<Answer> | undefined, message: object, call: UnaryCall): Promise<Answer>
  /** Of a call's `error` or callback. */
  errorOf(fault: unknown): CastellanError
  close(): void
}

/** Connects when it is first needed. @throws TypeError that says what is wrong with the options */
export function openGrpcChannel({ target, credentials, insecure = false }: GrpcChannelOptions): GrpcChannel {
  const local = checkTarget(target)
  checkCredentials(credentials)
  const authorize = openAuthorize(credentials)
  if (credentials.tls === undefined && !local && !insecure) refusePlaintext('target', 'set credentials.tls')
  const definitions = loadClientDefinitions()
  const client = new Client(target, channelCredentials(credentials), { ...CHANNEL_OPTIONS, 'grpc.service_config': servingRoundRobin() })
  let authorization = ''
  const errorOf = (fault: unknown) => statusError(fault, definitions, (text) => struck(text, authorization))
  const metadata = async (): Promise<Metadata> => {
    const made = new Metadata()
    authorization = await authorize()
    made.set('authorization', authorization)
    return made
  }
  let reconnecting: Promise<void> | undefined
  /** While a connection has failed, calls fail at once; a moment later it may stand again, and who asks then has to find it. */
  const reconnected = (): Promise<void> | undefined => {
    const channel = client.getChannel()
    if (channel.getConnectivityState(true) !== connectivityState.TRANSIENT_FAILURE) return undefined
    reconnecting ??= new Promise<void>((resolve) => {
      channel.watchConnectivityState(connectivityState.TRANSIENT_FAILURE, Date.now() + RECONNECT_WAIT_MS, () => {
        reconnecting = undefined
        resolve()
      })
    })
    return reconnecting
  }
  return {
    client,
    decision: definitions.decision,
    access: definitions.access,
    metadata,
    errorOf,
    async unary<Answer>(method: Method<Answer> | undefined, message: object, { signal, remainingMs }: UnaryCall) {
      if (method === undefined) throw serviceError({ code: 'route_not_found' })
      const deadline = Date.now() + remainingMs
      const headers = await metadata()
      const waiting = reconnected()
      if (waiting !== undefined) await waiting
      return await new Promise<Answer>((resolve, reject) => {
        if (signal.aborted) return reject(serviceError({ code: 'cancelled' }))
        const call = client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          message,
          headers,
          { deadline },
          (fault, answer) => {
            signal.removeEventListener('abort', cancel)
            if (fault) reject(errorOf(fault))
            else if (answer === undefined) reject(badAnswer('no message of this method'))
            else resolve(answer)
          },
        )
        const cancel = () => call.cancel()
        signal.addEventListener('abort', cancel, { once: true })
      })
    },
    close: () => client.close(),
  }
}

const CHANNEL_OPTIONS: ChannelOptions = {
  // From a DNS record anybody who writes the zone could turn it off.
  'grpc.service_config_disable_resolution': 1,
  // Retries are this client's: within its deadline, and only where nothing was decided.
  'grpc.enable_retries': 0,
  // The environment of the process must not send the key through a proxy.
  'grpc.enable_http_proxy': 0,
  'grpc.max_receive_message_length': GRPC_ANSWER_BYTES_MAX,
  'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
  'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
  'grpc.dns_min_time_between_resolutions_ms': NAME_LOOKUP_MS_MIN,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  // One client's connections end with it.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
}

function channelCredentials({ tls }: Credentials): ChannelCredentials {
  if (tls === undefined) return grpcCredentials.createInsecure()
  const pem = (value: string | Uint8Array | undefined) => (value === undefined ? null : Buffer.from(value))
  const { ca, cert, key } = tls === true ? { ca: undefined, cert: undefined, key: undefined } : tls
  return boundedHandshakes(grpcCredentials.createSsl(pem(ca), pem(key), pem(cert), { rejectUnauthorized: true }), systemClock)
}
