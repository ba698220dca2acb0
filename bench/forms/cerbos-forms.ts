/** The ways to ask Cerbos: one principal with its roles, resources with actions; over gRPC and HTTP. Asks nobody. */
import { fileURLToPath } from 'node:url'
import { jsonToStruct } from '../../src/decision/translate/struct.ts'
import type { Asked, Facts } from '../facts.ts'
import { frame } from '../load/frames.ts'
import { openMessages } from '../servers/messages.ts'
import type { GrpcForm, HttpForm } from './form.ts'

/** Who has no role here has this one, which is granted nothing: Cerbos wants one. */
export const NO_ROLE = 'nobody'
/** One kind of resource with all that can be done: so a resource of a batch can be asked about as many actions as there are. */
export const KIND = 'office'
/** Of one check alone. */
const ONE_ACTION = 1
const REQUEST = 'cerbos.request.v1.CheckResourcesRequest'
const RESPONSE = 'cerbos.request.v1.CheckResourcesResponse'
const ALLOW = 1

interface Entry {
  readonly resource: { readonly kind: string; readonly id: string; readonly attr?: Readonly<Record<string, unknown>> }
  readonly actions: readonly string[]
}

interface Results<T> {
  readonly results: readonly { readonly actions: Readonly<Record<string, T>> }[]
}

export interface CerbosForms {
  readonly check: GrpcForm
  /** @param actions asked about each resource; questions that follow each other share one */
  batch(actions: number): GrpcForm
  readonly http: HttpForm
}

export function cerbosForms(facts: Facts): CerbosForms {
  const messages = openMessages('cerbos.proto', fileURLToPath(new URL('../servers', import.meta.url)))
  const people = new Map(facts.people.map((person) => [person.user, person]))
  const principalOf = ([first]: readonly Asked[]) => {
    if (first === undefined) throw new Error('Nothing is asked')
    const person = people.get(first.user)
    const roles = person?.roles[first.tenant] ?? []
    return { id: first.user, roles: roles.length === 0 ? [NO_ROLE] : roles, attr: { regions: person?.attributes.regions ?? [] } }
  }
  const batch = (actions: number): GrpcForm => ({
    ...{ path: '/cerbos.svc.v1.CerbosService/CheckResources', headers: {} },
    encode: (questions) => {
      const { attr, ...principal } = principalOf(questions)
      const resources = entriesOf(questions, actions).map(({ resource, ...entry }) => ({
        ...entry,
        resource: { ...resource, attr: valuesOf(resource.attr ?? {}) },
      }))
      return frame(messages.encode(REQUEST, { requestId: 'bench', principal: { ...principal, attr: valuesOf(attr) }, resources }))
    },
    decode: ([reply = Buffer.alloc(0)], questions) =>
      verdicts(messages.decode<Results<number>>(RESPONSE, reply), questions, actions, (effect) => effect === ALLOW),
  })
  return {
    batch,
    check: batch(ONE_ACTION),
    http: {
      ...{ path: '/api/check/resources', headers: {} },
      encode: (questions) =>
        JSON.stringify({ requestId: 'bench', principal: principalOf(questions), resources: entriesOf(questions, ONE_ACTION) }),
      decode: (body, questions) =>
        verdicts(JSON.parse(body) as Results<string>, questions, ONE_ACTION, (effect) => effect === 'EFFECT_ALLOW'),
    },
  }
}

/** @throws Error for the same action twice about one resource, which Cerbos refuses */
function entriesOf(questions: readonly Asked[], each: number): readonly Entry[] {
  return Array.from({ length: Math.ceil(questions.length / each) }, (_, at) => {
    const part = questions.slice(at * each, (at + 1) * each)
    const actions = part.map(({ permission }) => permission)
    if (new Set(actions).size < actions.length) throw new Error('The same is asked twice about one resource')
    const attributes = part[0]?.resource
    return { actions, resource: { kind: KIND, id: `thing-${at}`, ...(attributes === undefined ? {} : { attr: attributes }) } }
  })
}

function verdicts<T>(
  { results }: Results<T>,
  questions: readonly Asked[],
  each: number,
  allows: (effect: T) => boolean,
): readonly boolean[] {
  return questions.map(({ permission }, at) => {
    const effect = results[Math.floor(at / each)]?.actions[permission]
    if (effect === undefined) throw new Error(`Cerbos has no answer to ${permission}`)
    return allows(effect)
  })
}

/** As protobuf has them. */
function valuesOf(attributes: Readonly<Record<string, unknown>>): unknown {
  return (jsonToStruct(attributes) as { fields: unknown }).fields
}
