/** The ways to ask Castellan: one check, a stream, a batch, names of one user; over gRPC and HTTP. Asks nobody. */
import { fileURLToPath } from 'node:url'
import { jsonToStruct } from '../../src/decision/translate/struct.ts'
import type { Asked } from '../facts.ts'
import { frame } from '../load/frames.ts'
import { type Messages, openMessages } from '../servers/messages.ts'
import type { GrpcForm, HttpForm } from './form.ts'

const PACKAGE = 'castellan.v1'
const SERVICE = `/${PACKAGE}.DecisionService`

interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

interface Correlated {
  readonly id: string
  readonly decision: Decision | null
}

export interface CastellanForms {
  readonly check: GrpcForm
  readonly stream: GrpcForm
  readonly batch: GrpcForm
  readonly permissions: GrpcForm
  readonly http: HttpForm
  /** One check each, by the access token of its user in its tenant. */
  withTokens(tokenOf: (asked: Asked) => string): GrpcForm
}

export function castellanForms(key: string): CastellanForms {
  const headers = { authorization: `Bearer ${key}` }
  const messages = openMessages('castellan/v1/decision_service.proto', fileURLToPath(new URL('../../proto', import.meta.url)))
  const encode = (name: string, message: object) => frame(messages.encode(`${PACKAGE}.${name}`, message))
  const check = (of: (asked: Asked) => object): GrpcForm => ({
    ...{ path: `${SERVICE}/Check`, headers },
    encode: (questions) => encode('CheckRequest', of(only(questions))),
    decode: (replies) => replies.map((reply) => verdict(messages.decode(`${PACKAGE}.CheckResponse`, reply))),
  })
  return {
    check: check(question),
    withTokens: (tokenOf) => check((asked) => ({ permission: asked.permission, accessToken: tokenOf(asked) })),
    stream: {
      ...{ path: `${SERVICE}/CheckStream`, headers },
      encode: (questions) =>
        Buffer.concat(questions.map((asked, at) => encode('CheckStreamRequest', { id: String(at), check: question(asked) }))),
      decode: (replies, questions) => inOrder(messages, replies, questions.length),
    },
    batch: {
      ...{ path: `${SERVICE}/BatchCheck`, headers },
      encode: (questions) => encode('BatchCheckRequest', { items: questions.map(question) }),
      decode: ([reply = Buffer.alloc(0)]) => {
        const { items } = messages.decode<{ items: { decision: Decision | null }[] }>(`${PACKAGE}.BatchCheckResponse`, reply)
        return items.map(({ decision }) => verdict(decision))
      },
    },
    permissions: {
      ...{ path: `${SERVICE}/CheckPermissions`, headers },
      encode: (questions) => {
        const { user, tenant } = questions[0] as Asked
        return encode('CheckPermissionsRequest', { user, tenant, permissions: questions.map(({ permission }) => permission) })
      },
      decode: ([reply = Buffer.alloc(0)]) => messages.decode<{ allowed: boolean[] }>(`${PACKAGE}.CheckPermissionsResponse`, reply).allowed,
    },
    http: {
      ...{ path: '/v1/check', headers },
      encode: (questions) => JSON.stringify(only(questions)),
      decode: (body) => [verdict(JSON.parse(body) as Decision)],
    },
  }
}

function question({ user, tenant, permission, resource }: Asked): object {
  return { user, tenant, permission, ...(resource === undefined ? {} : { resource: jsonToStruct(resource) }) }
}

function only(questions: readonly Asked[]): Asked {
  const [first, ...others] = questions
  if (first === undefined || others.length > 0) throw new Error('One question at a time is asked so')
  return first
}

/** What is not clearly an answer is no answer: an error must not count as a deny here either. */
function verdict(decision: Decision | null): boolean {
  if (decision === null || typeof decision.allowed !== 'boolean' || !decision.reason) throw new Error('Castellan answers with an error')
  return decision.allowed
}

function inOrder(messages: Messages, replies: readonly Buffer[], count: number): readonly boolean[] {
  const byId = new Map(
    replies.map((reply) => {
      const { id, decision } = messages.decode<Correlated>(`${PACKAGE}.CheckStreamResponse`, reply)
      return [id, verdict(decision)] as const
    }),
  )
  return Array.from({ length: count }, (_, at) => {
    const allowed = byId.get(String(at))
    if (allowed === undefined) throw new Error(`Question ${at} of a stream has no answer`)
    return allowed
  })
}
