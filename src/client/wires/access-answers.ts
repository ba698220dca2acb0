/** What AccessService answered → what a client's freshness rests on; whatever is not whole is an error, never a state. Floor 6. */
import { structToJson } from '../../decision/translate/struct.ts'
import type { AccessChange, AccessEvent } from '../../model/access-event.ts'
import type { AccessState, Assignment } from '../../model/access-state.ts'
import type { Attributes } from '../../model/condition.ts'
import type { LoadedAccess } from './access-wire.ts'
import { badAnswer } from './service-error.ts'

type Plain = Readonly<Record<string, unknown>>

/** @throws UnavailableError `bad_answer` */
export function parseLoadedAccess(value: unknown): LoadedAccess {
  const answer = objectOf(value)
  const policy = objectOf(answer['policy'])
  const { tenant, user } = answer
  const state: AccessState = {
    position: whole(answer, 'position'),
    policyPosition: whole(policy, 'position'),
    readAtMs: instantMs(answer, 'readAt'),
    tenant: tenant === undefined ? undefined : tenantOf(objectOf(tenant)),
    user: user === undefined ? undefined : userOf(objectOf(user)),
    assignments: list(answer, 'assignments').map((one) => assignmentOf(objectOf(one))),
  }
  return { incarnation: text(answer, 'incarnation'), state, policyRevision: text(policy, 'revision') }
}

/** @throws UnavailableError `bad_answer` */
export function parsePolicyContent(value: unknown): string {
  return text(objectOf(value), 'content')
}

/** @throws UnavailableError `bad_answer` */
export function parseAccessEvent(value: unknown): AccessEvent {
  const { opened, changes, heartbeat } = objectOf(value)
  if (opened !== undefined) return openedOf(objectOf(opened))
  if (changes !== undefined) return changesOf(objectOf(changes))
  if (heartbeat !== undefined) return heartbeatOf(objectOf(heartbeat))
  throw badAnswer('an event of no kind')
}

function openedOf(opened: Plain): AccessEvent {
  const { policy } = opened
  return {
    kind: 'opened',
    incarnation: text(opened, 'incarnation'),
    position: whole(opened, 'position'),
    resumed: flag(opened, 'resumed'),
    callerDigest: text(opened, 'callerDigest'),
    policy:
      policy === undefined ? undefined : { revision: text(objectOf(policy), 'revision'), position: whole(objectOf(policy), 'position') },
  }
}

function changesOf(told: Plain): AccessEvent {
  return { kind: 'changes', changes: list(told, 'changes').map((one) => changeOf(objectOf(one))), through: whole(told, 'through') }
}

/** One of a kind that is newer than this client could be of anybody. */
function changeOf(change: Plain): AccessChange {
  const position = whole(change, 'position')
  if (change['user'] !== undefined) return { kind: 'user', position, fingerprint: whole(change, 'user') }
  if (change['tenant'] !== undefined) return { kind: 'tenant', position, fingerprint: whole(change, 'tenant') }
  return { kind: 'policy', position, revision: text(change, 'policyRevision') }
}

function heartbeatOf(heartbeat: Plain): AccessEvent {
  return {
    kind: 'heartbeat',
    beat: whole(heartbeat, 'beat'),
    position: whole(heartbeat, 'position'),
    ageMs: whole(heartbeat, 'ageMs'),
    fresh: flag(heartbeat, 'fresh'),
    databaseBeforeMs: whole(heartbeat, 'databaseBeforeMs'),
  }
}

function tenantOf(tenant: Plain): AccessState['tenant'] {
  return { suspended: flag(tenant, 'suspended'), attributes: attributesOf(tenant) }
}

/** The epoch is for judging a token, which the service does. */
function userOf(user: Plain): AccessState['user'] {
  return { deactivated: flag(user, 'deactivated'), attributes: attributesOf(user), epoch: 0 }
}

function assignmentOf(assignment: Plain): Assignment {
  return {
    id: text(assignment, 'id'),
    role: text(assignment, 'role'),
    validFromMs: instantMs(assignment, 'validFrom'),
    expiresAtMs: assignment['expiresAt'] === undefined ? null : instantMs(assignment, 'expiresAt'),
  }
}

function attributesOf(holder: Plain): Attributes {
  const { attributes } = holder
  if (attributes === undefined) return {}
  try {
    return structToJson(objectOf(attributes), 'attributes')
  } catch (cause) {
    throw badAnswer('attributes that are none', cause)
  }
}

function objectOf(value: unknown): Plain {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Plain
  throw badAnswer('no object')
}

function list(answer: Plain, name: string): readonly unknown[] {
  const value = answer[name] ?? []
  if (Array.isArray(value)) return value
  throw badAnswer(`${name} is no list`)
}

/** Protobuf sends no 0 and no false. */
function whole(answer: Plain, name: string): number {
  const value = answer[name] ?? 0
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw badAnswer(`${name} is no number of that kind`)
}

function flag(answer: Plain, name: string): boolean {
  const value = answer[name] ?? false
  if (typeof value === 'boolean') return value
  throw badAnswer(`${name} is no boolean`)
}

function text(answer: Plain, name: string): string {
  const value = answer[name]
  if (typeof value === 'string' && value !== '') return value
  throw badAnswer(`${name} is no text`)
}

function instantMs(answer: Plain, name: string): number {
  const instant = objectOf(answer[name])
  const { seconds = 0, nanos = 0 } = instant
  if (!Number.isSafeInteger(seconds) || !Number.isSafeInteger(nanos)) throw badAnswer(`${name} is no moment`)
  return (seconds as number) * 1_000 + (nanos as number) / 1_000_000
}
