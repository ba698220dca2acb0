/** Questions over gRPC, one attempt each. Floor 6. */
import { type AnswerForm, parseDecision, parsePermissionList, parseResults } from './answers.ts'
import { readBatch, readCheck, writeBatch, writeCheck } from './check-codec.ts'
import type { GrpcChannel } from './grpc-channel.ts'
import type { Message, Method } from './grpc-definitions.ts'
import { badAnswer } from './service-error.ts'
import type { ClientWire } from './wire.ts'

/** Closing it closes the channel. */
export function openGrpcWire(channel: GrpcChannel): ClientWire {
  const { decision } = channel
  const check = inBytes(decision['Check'])
  const batch = inBytes(decision['BatchCheck'])
  return {
    async check(question, call) {
      const bytes = await channel.unary(check, writeCheck(question, call.minPosition), call)
      return parseDecision(readCheck(bytes) ?? byLibrary(decision['Check'], bytes), FORM)
    },
    async checkBatch(questions, call) {
      const bytes = await channel.unary(batch, writeBatch(questions, call.minPosition), call)
      return parseResults(readBatch(bytes) ?? byLibrary(decision['BatchCheck'], bytes), questions.length, FORM)
    },
    async listPermissions({ user, tenant }, call) {
      return parsePermissionList(await channel.unary(decision['ListPermissions'], { user, tenant }, call), FORM)
    },
    async close() {
      channel.close()
    },
  }
}

/**
 * The call carries bytes, and what they say is made before and after it: the library keeps what a call carried for longer than anybody needs it, and the
 * more that is, the longer each collection of garbage takes.
 */
function inBytes(method: Method | undefined): Method<Buffer> | undefined {
  return method === undefined
    ? undefined
    : { path: method.path, requestSerialize: (bytes) => bytes as Buffer, responseDeserialize: (bytes) => bytes }
}

function byLibrary(method: Method | undefined, bytes: Buffer): Message {
  return method?.responseDeserialize(bytes) ?? raise(badAnswer('no message of this method'))
}

function raise(error: Error): never {
  throw error
}

const NANOS_MAX = 999_999_999

const FORM: AnswerForm = {
  leavesOutDefaults: true,
  instantMs(value) {
    if (typeof value !== 'object' || value === null) return Number.NaN
    const { seconds = 0, nanos = 0 } = value as { readonly seconds?: unknown; readonly nanos?: unknown }
    if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(nanos) || (nanos as number) < 0 || (nanos as number) > NANOS_MAX)
      return Number.NaN
    return (seconds as number) * 1_000 + Math.floor((nanos as number) / 1_000_000)
  },
}
