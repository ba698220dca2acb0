/** The ways to ask Cerbos: one principal with its roles, resources with actions; over gRPC and HTTP. Asks nobody. */
import { fileURLToPath } from 'node:url'
import { jsonToStruct } from '../../src/decision/translate/struct.ts'
import type { Asked, Facts } from '../facts.ts'
import { frame } from '../load/frames.ts'
import { openMessages } from '../servers/messages.ts'
import type { GrpcForm, HttpForm } from './form.ts'

/** Who has no role here has this one, which is granted nothing: Cerbos wants one. */
export const NO_ROLE = 'nobody'
/** Actions asked about one resource. */
export const ACTIONS_PER_RESOURCE = 5
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

export function cerbosForms(facts: Facts): { readonly grpc: GrpcForm; readonly http: HttpForm } {
  const messages = openMessages('cerbos.proto', fileURLToPath(new URL('../servers', import.meta.url)))
  const people = new Map(facts.people.map((person) => [person.user, person]))
  const principalOf = ([first]: readonly Asked[]) => {
    if (first === undefined) throw new Error('Nothing is asked')
    const person = people.get(first.user)
    const roles = person?.roles[first.tenant] ?? []
    return { id: first.user, roles: roles.length === 0 ? [NO_ROLE] : roles, attr: { regions: person?.attributes.regions ?? [] } }
  }
  return {
    grpc: {
      ...{ path: '/cerbos.svc.v1.CerbosService/CheckResources', headers: {} },
      encode: (questions) => {
        const { attr, ...principal } = principalOf(questions)
        const resources = entriesOf(questions).map(({ resource, actions }) => ({
          ...{ actions, resource: { ...resource, attr: valuesOf(resource.attr ?? {}) } },
        }))
        return frame(messages.encode(REQUEST, { requestId: 'bench', principal: { ...principal, attr: valuesOf(attr) }, resources }))
      },
      decode: ([reply = Buffer.alloc(0)], questions) => {
        const { results } = messages.decode<Results<number>>(RESPONSE, reply)
        return verdicts({ results }, questions, (effect) => effect === ALLOW)
      },
    },
    http: {
      ...{ path: '/api/check/resources', headers: {} },
      encode: (questions) => JSON.stringify({ requestId: 'bench', principal: principalOf(questions), resources: entriesOf(questions) }),
      decode: (body, questions) => verdicts(JSON.parse(body) as Results<string>, questions, (effect) => effect === 'EFFECT_ALLOW'),
    },
  }
}

/** Kind of resource: the service, which is the first word of a permission. */
export function kindOf(permission: string): string {
  return permission.slice(0, permission.indexOf('.'))
}

/** Questions that follow each other and are about the same kind share a resource, up to so many actions. */
function entriesOf(questions: readonly Asked[]): readonly Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at < questions.length; at += ACTIONS_PER_RESOURCE) {
    const part = questions.slice(at, at + ACTIONS_PER_RESOURCE)
    const [first] = part as [Asked]
    if (part.some(({ permission }) => kindOf(permission) !== kindOf(first.permission)))
      throw new Error('Five in a row are about one service')
    const attr = first.resource === undefined ? {} : { attr: first.resource }
    entries.push({
      resource: { kind: kindOf(first.permission), id: `thing-${at}`, ...attr },
      actions: part.map(({ permission }) => permission),
    })
  }
  return entries
}

function verdicts<T>({ results }: Results<T>, questions: readonly Asked[], allows: (effect: T) => boolean): readonly boolean[] {
  return questions.map(({ permission }, at) => {
    const effect = results[Math.floor(at / ACTIONS_PER_RESOURCE)]?.actions[permission]
    if (effect === undefined) throw new Error(`Cerbos has no answer to ${permission}`)
    return allows(effect)
  })
}

/** As protobuf has them. */
function valuesOf(attributes: Readonly<Record<string, unknown>>): unknown {
  return (jsonToStruct(attributes) as { fields: unknown }).fields
}
