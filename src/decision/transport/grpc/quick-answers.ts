/** Bytes of a question → bytes of its answer, where all that is needed lies in memory. Whatever is not a good answer is for the way that waits to say. Floor 5. */
import type { TraceRef } from '../../../model/decision-record.ts'
import { RequestError } from '../../../model/error-code.ts'
import { idFault } from '../../../model/ids.ts'
import type { Arrival } from '../../../wire/call.ts'
import { type ParsedCheck, parseBatch, parseCheck, parsePermissions, plainBatch } from '../../translate/decision-requests.ts'
import { plainRequest } from '../../translate/grpc-message.ts'
import type { QuickDecisions } from '../quick-decisions.ts'
import { AnswerBytes } from './codec/answer-bytes.ts'
import { QuestionBytes } from './codec/question-bytes.ts'
import type { Definitions } from './definitions.ts'

export type QuickMethod = 'Check' | 'BatchCheck' | 'CheckPermissions'
export const QUICK_METHODS: readonly QuickMethod[] = ['Check', 'BatchCheck', 'CheckPermissions']
/** Methods whose requests come to their handlers as bytes too. */
export const METHODS_IN_BYTES: readonly string[] = [...QUICK_METHODS, 'CheckStream']

export function isQuick(method: string): method is QuickMethod {
  return (QUICK_METHODS as readonly string[]).includes(method)
}

/** How a question came, but for who asks. */
export interface Sent {
  readonly authorization: string | undefined
  readonly requestId: string
  readonly receivedMs: number
  readonly trace: TraceRef | undefined
}

export interface QuickAnswers {
  /**
   * The answer with its frame; `undefined`: ask the operation, which waits, or says what is wrong. Never throws: whatever was thrown here is thrown
   * there again, and told.
   */
  answer(method: QuickMethod, message: Uint8Array, sent: Sent): Buffer | undefined
  /** As `answer`, of one item of a stream, which is called by its id. @param isFree whether no unanswered item has this id */
  streamed(message: Uint8Array, sent: Omit<Sent, 'requestId'>, isFree: (id: string) => boolean): Buffer | undefined
}

export function quickAnswers(quick: QuickDecisions, definitions: Definitions): QuickAnswers {
  const questions = new QuestionBytes()
  const answers = new AnswerBytes(definitions)
  const decode = (name: string, message: Uint8Array) => definitions.deserialize(`castellan.v1.${name}`, message)
  /** What is not of the simple form goes the way of every other request. @throws RequestError, or protobufjs's error */
  const answering: Readonly<Record<QuickMethod, (message: Uint8Array, arrival: Arrival) => Buffer | undefined>> = {
    Check(message, arrival) {
      const question = questions.check(message) ?? parseCheck(plainRequest(decode('CheckRequest', message)))
      const decision = quick.check(question, arrival)
      return decision && answers.check(decision)
    },
    BatchCheck(message, arrival) {
      const asked = questions.batch(message) ?? parseBatch(plainBatch(decode('BatchCheckRequest', message)))
      const results = quick.batch(asked, arrival)
      return results && answers.batch(results)
    },
    CheckPermissions(message, arrival) {
      const question = questions.permissions(message) ?? parsePermissions(plainRequest(decode('CheckPermissionsRequest', message)))
      const answer = quick.permissions(question, arrival)
      return answer && answers.permissions(answer)
    },
  }
  return {
    answer(method, message, { authorization, requestId, receivedMs, trace }) {
      const caller = quick.caller(authorization)
      if (caller === undefined) return undefined
      try {
        return answering[method](message, { caller, requestId, receivedMs, trace })
      } catch {
        return undefined
      }
    },
    streamed(message, { authorization, receivedMs, trace }, isFree) {
      const caller = quick.caller(authorization)
      if (caller === undefined) return undefined
      try {
        const { id, check } = questions.streamed(message) ?? itemOf(decode('CheckStreamRequest', message))
        if (!isFree(id)) return undefined
        const decision = quick.check(check, { caller, requestId: id, receivedMs, trace })
        return decision && answers.streamed(id, decision)
      } catch {
        return undefined
      }
    },
  }
}

/** @throws RequestError */
function itemOf({ id, check }: Readonly<Record<string, unknown>>): { readonly id: string; readonly check: ParsedCheck } {
  if (typeof id !== 'string' || idFault(id) !== undefined) throw new RequestError([{ field: 'id', message: 'is not one' }])
  return { id, check: parseCheck(plainRequest((check ?? {}) as Readonly<Record<string, unknown>>)) }
}
