/** Guards for servers of @grpc/grpc-js: one interceptor with a table of methods, or one handler at a time. Decides before a handler sees the call. Floor 6. */
import { Metadata, ServerInterceptingCall, type ServerInterceptor, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import type { Client } from '../client.ts'
import { openAccessBook } from './access-book.ts'
import { type Access, type GuardOptions, openAdmission } from './admit.ts'
import { type CallStatus, statusOf } from './grpc-call-status.ts'
import { type GrpcCall, type GrpcTable, unguarded } from './grpc-methods.ts'
import { checkGuardOptions } from './guard-options.ts'
import { type Listed, publicBecause, type Requirement, type RequireOptions, requirementOf } from './requirement.ts'
import { bearer } from './subjects.ts'

export interface GrpcRequire<Permission extends string> {
  (permission: Permission, options?: RequireOptions<GrpcCall>): Requirement<GrpcCall>
  any(...wanted: Listed<Permission, GrpcCall>): Requirement<GrpcCall>
  all(...wanted: Listed<Permission, GrpcCall>): Requirement<GrpcCall>
  /** @param why a sentence, for who reads the table */
  public(why: string): Requirement<GrpcCall>
}

export interface GrpcGuard<Permission extends string = string> {
  readonly require: GrpcRequire<Permission>
  /**
   * For `new Server({ interceptors: [interceptor(table)] })`; all methods of the server that are not in the table are PERMISSION_DENIED, those for
   * health and reflection too. Interceptors cost grpc-js throughput, for public methods too; `guard` costs nothing but what it guards.
   */
  interceptor(table: GrpcTable): ServerInterceptor
  /** Around one handler: its resource loader is given the call with its path. For unary calls the message is read by then, and unseen by the handler. */
  guard<Call extends { readonly metadata: Metadata }, Rest extends readonly unknown[]>(
    handler: (call: Call, ...rest: Rest) => void,
    requirement: Requirement<GrpcCall>,
  ): (call: Call, ...rest: Rest) => void
  /** Who was let through, as a bound client, with the decisions. @throws TypeError without a guard before the handler */
  access(call: { readonly metadata: Metadata }): Access<Permission>
  /** Lines `/package.Service/Method` of what is not in the table, sorted; and of what is in it and in no definition. */
  unguarded(definitions: readonly Readonly<Record<string, { readonly path: string }>>[], table: GrpcTable): readonly string[]
}

/** @throws TypeError for options that cannot be used */
export function createGuard<Permission extends string = string>(
  client: Client<Permission>,
  options: GuardOptions<GrpcCall> = {},
): GrpcGuard<Permission> {
  checkGuardOptions(options)
  const { subject = bearer<GrpcCall>(), tellHints, onError } = options
  const admit = openAdmission<GrpcCall, Permission>(client, subject, options)
  // By its metadata: the one thing that the interceptor and the handler both hold.
  const book = openAccessBook<Permission>()

  async function decide(
    requirement: Requirement<GrpcCall> | undefined,
    call: GrpcCall,
    signal: AbortSignal,
  ): Promise<CallStatus | undefined> {
    try {
      if (requirement === undefined) return UNLISTED
      book.put(call.metadata, await admit(requirement, { request: call, argument: call, signal }))
      return undefined
    } catch (fault) {
      const refused = statusOf(fault, { tellHints })
      if (refused.heard !== undefined) onError?.(refused.heard)
      return refused
    }
  }

  const require: GrpcRequire<Permission> = Object.assign(
    (permission: Permission, given?: RequireOptions<GrpcCall>) =>
      requirementOf<GrpcCall>('all', given === undefined ? [permission] : [permission, given]),
    {
      any: (...wanted: Listed<Permission, GrpcCall>) => requirementOf<GrpcCall>('any', wanted),
      all: (...wanted: Listed<Permission, GrpcCall>) => requirementOf<GrpcCall>('all', wanted),
      public: publicBecause,
    },
  )
  return {
    require,
    access: (call) => book.get(call.metadata),
    unguarded,
    interceptor(table) {
      const requirements = new Map(Object.entries(table))
      return (method, call) => {
        const cancelled = new AbortController()
        return new ServerInterceptingCall(call, {
          start: (next) =>
            next({
              // Nothing is read of the call, and no handler begins, before `pass`.
              onReceiveMetadata(metadata, pass) {
                decide(requirements.get(method.path), callOf(method.path, metadata), cancelled.signal).then(
                  (refused) => {
                    if (cancelled.signal.aborted) return
                    if (refused === undefined) pass(metadata)
                    else call.sendStatus(refused)
                  },
                  // What onError throws must not let anything through either.
                  () => call.sendStatus(INTERNAL),
                )
              },
              onCancel: () => cancelled.abort(),
            }),
        })
      }
    },
    guard(handler, requirement) {
      return (call, ...rest) => {
        const cancelled = new AbortController()
        const { on, path = '' } = call as Partial<Pick<ServerUnaryCall<unknown, unknown>, 'on'>> & { readonly path?: string }
        on?.call(call, 'cancelled', () => cancelled.abort())
        const end = (refused: CallStatus) => {
          if (!cancelled.signal.aborted) endCall(call, rest[0], refused)
        }
        decide(requirement, callOf(path, call.metadata), cancelled.signal).then(
          (refused) => {
            if (refused !== undefined) return end(refused)
            if (cancelled.signal.aborted) return
            try {
              handler(call, ...rest)
            } catch {
              // As grpc-js itself answers for a handler that throws.
              end({ code: status.UNKNOWN, details: 'Unknown error', metadata: new Metadata() })
            }
          },
          () => end(INTERNAL),
        )
      }
    },
  }
}

const UNLISTED: CallStatus = {
  code: status.PERMISSION_DENIED,
  details: 'The application says of nobody that they may call this.',
  metadata: new Metadata(),
}
const INTERNAL: CallStatus = { code: status.INTERNAL, details: 'Something failed inside; nothing was decided.', metadata: new Metadata() }

function callOf(path: string, metadata: Metadata): GrpcCall {
  const values = metadata.get('authorization')
  const [authorization] = values
  return { path, metadata, headers: values.length === 1 && typeof authorization === 'string' ? { authorization } : {} }
}

/** With a callback where one answer is awaited, and as an error of the stream otherwise. */
function endCall(call: object, callback: unknown, refused: CallStatus): void {
  const error = Object.assign(new Error(refused.details), refused)
  if (typeof callback === 'function') (callback as sendUnaryData<unknown>)(error)
  else (call as { emit(name: 'error', error: Error): void }).emit('error', error)
}
