/** Questions over gRPC, one attempt each. Floor 6. */
import { jsonToStruct } from '../../decision/translate/struct.ts'
import type { Question } from '../client.ts'
import { type AnswerForm, parseDecision, parsePermissionList, parseResults } from './answers.ts'
import type { GrpcChannel } from './grpc-channel.ts'
import type { ClientWire, WireCall } from './wire.ts'

/** Closing it closes the channel. */
export function openGrpcWire(channel: GrpcChannel): ClientWire {
  const { decision } = channel
  return {
    async check(question, call) {
      return parseDecision(await channel.unary(decision['Check'], { ...messageOf(question), ...positionOf(call) }, call), FORM)
    },
    async checkBatch(questions, call) {
      const message = { items: questions.map(messageOf), ...positionOf(call) }
      return parseResults(await channel.unary(decision['BatchCheck'], message, call), questions.length, FORM)
    },
    async listPermissions({ user, tenant }, call) {
      return parsePermissionList(await channel.unary(decision['ListPermissions'], { user, tenant }, call), FORM)
    },
    async close() {
      channel.close()
    },
  }
}

function messageOf({ resource, ...question }: Question): object {
  return resource === undefined ? question : { ...question, resource: jsonToStruct(resource) }
}

function positionOf({ minPosition }: WireCall): object {
  return minPosition === undefined ? {} : { minPosition }
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
