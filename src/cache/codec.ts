/** An access state as bytes, for the level that replicas share. Says nothing of whose it is, nor whether it is authentic (see seal.ts). Floor 2. */
import type { AccessState, Assignment } from '../model/access-state.ts'
import type { Attributes } from '../model/condition.ts'

/** First byte of what this version writes; others are a miss, so that replicas of two versions can share a Redis. */
const VERSION = 1

/** A version byte, then JSON without field names: half the size of the object, and as fast to read as JSON gets. */
export function encodeAccessState(state: AccessState): Buffer {
  const { position, policyPosition, readAtMs, tenant, user, assignments } = state
  const body = JSON.stringify([
    position,
    policyPosition,
    readAtMs,
    tenant === undefined ? null : [tenant.suspended, tenant.attributes],
    user === undefined ? null : [user.deactivated, user.attributes, user.epoch],
    assignments.map(({ id, role, validFromMs, expiresAtMs }) => [id, role, validFromMs, expiresAtMs]),
  ])
  return Buffer.concat([Buffer.of(VERSION), Buffer.from(body)])
}

/** `undefined` for anything that `encodeAccessState` of this version did not write. Never throws. */
export function decodeAccessState(bytes: Buffer): AccessState | undefined {
  if (bytes[0] !== VERSION) return undefined
  try {
    return readState(JSON.parse(bytes.toString('utf8', 1)))
  } catch {
    return undefined
  }
}

function readState(body: unknown): AccessState | undefined {
  const [position, policyPosition, readAtMs, tenantPart, userPart, assignmentPart] = tuple(body, 6)
  const tenant = readTenant(tenantPart)
  const user = readUser(userPart)
  if (!isNumber(position) || !isNumber(policyPosition) || !isNumber(readAtMs)) return undefined
  if (tenant === null || user === null || !Array.isArray(assignmentPart)) return undefined
  const assignments: Assignment[] = []
  for (const part of assignmentPart) {
    const [id, role, validFromMs, expiresAtMs] = tuple(part, 4)
    if (typeof id !== 'string' || typeof role !== 'string' || !isNumber(validFromMs)) return undefined
    if (expiresAtMs !== null && !isNumber(expiresAtMs)) return undefined
    assignments.push({ id, role, validFromMs, expiresAtMs })
  }
  return { position, policyPosition, readAtMs, tenant, user, assignments }
}

/** @returns `undefined`: there is none; `null`: malformed */
function readTenant(part: unknown): AccessState['tenant'] | null {
  if (part === null) return undefined
  const [suspended, attributes] = tuple(part, 2)
  return typeof suspended === 'boolean' && isAttributes(attributes) ? { suspended, attributes } : null
}

/** As readTenant. */
function readUser(part: unknown): AccessState['user'] | null {
  if (part === null) return undefined
  const [deactivated, attributes, epoch] = tuple(part, 3)
  return typeof deactivated === 'boolean' && isAttributes(attributes) && isNumber(epoch) ? { deactivated, attributes, epoch } : null
}

/** The elements of an array of just this length; no elements otherwise, so that whatever is expected of them fails. */
function tuple(value: unknown, length: number): readonly unknown[] {
  return Array.isArray(value) && value.length === length ? value : []
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
