/** Access states without their ids, packed: some 40 bytes and 40 more for each role. Finds and forgets none by itself (see state-memory.ts). Floor 2. */
import type { AccessState, Assignment } from '../model/access-state.ts'
import { Interned } from './interned.ts'
import { jsonBytes } from './json-bytes.ts'
import { Places } from './places.ts'
import { isUuidText, UuidReader, uuidWord } from './uuid-words.ts'

/** Numbers and words of a state. */
const POSITION = 0
const POLICY_POSITION = 1
const READ_AT_MS = 2
const TENANT = 0
const USER = 1
const FIRST_ASSIGNMENT = 2
const OWNER = 3
/** The mark stands below the tenant's part. */
const MARK_BITS = 1
const MARKED = 1
/** Numbers and words of an assignment. Its id is four words of a uuid, or else the index of its text in the first one. */
const VALID_FROM_MS = 0
const EXPIRES_AT_MS = 1
const ID = 0
const ROLE_AND_MARKS = 4
const NEXT_ASSIGNMENT = 5
/** Marks stand below the role's index. */
const MARKS = 2
const IS_UUID = 1
const HAS_END = 2
/** No part, no assignment; indexes are kept one higher. */
const NONE = 0

/** About what a state takes as an object, and each assignment in it. */
const STATE_BYTES = 200
const ASSIGNMENT_BYTES = 130

/** About what an object takes that was read here, without the parts that are shared. */
export function bytesRead({ assignments }: AccessState): number {
  return STATE_BYTES + ASSIGNMENT_BYTES * assignments.length
}

type TenantPart = NonNullable<AccessState['tenant']>
type UserPart = NonNullable<AccessState['user']>

export class PackedStates {
  readonly #states = new Places(3, 4)
  readonly #assignments = new Places(2, 6)
  readonly #tenants = new Interned(parseTenant, jsonBytes)
  readonly #users = new Interned(parseUser, jsonBytes)
  /** Names of roles, and ids that are no uuids. */
  readonly #texts = new Interned(
    (text) => text,
    () => 0,
  )
  readonly #uuids = new UuidReader()

  /** About what is held for all of them, with what is in use unpacked. */
  get bytes(): number {
    return this.#states.bytes + this.#assignments.bytes + this.#tenants.bytes + this.#users.bytes + this.#texts.bytes
  }

  /** Of them, those of parts in use. */
  get usedBytes(): number {
    return this.#tenants.heldBytes + this.#users.heldBytes
  }

  /** The number after this one, in a round through all places. @param place 0: the first */
  after(place: number): number {
    return this.#states.after(place)
  }

  /** @returns its place, from 1 */
  add({ position, policyPosition, readAtMs, tenant, user, assignments }: AccessState): number {
    const states = this.#states
    const place = states.take()
    states.setNumber(place, POSITION, position)
    states.setNumber(place, POLICY_POSITION, policyPosition)
    states.setNumber(place, READ_AT_MS, readAtMs)
    const tenantPart = tenant === undefined ? NONE : 1 + this.#tenants.take(JSON.stringify([tenant.suspended, tenant.attributes]))
    const userPart = user === undefined ? NONE : 1 + this.#users.take(JSON.stringify([user.deactivated, user.attributes, user.epoch]))
    states.setWord(place, TENANT, tenantPart << MARK_BITS)
    states.setWord(place, USER, userPart)
    let next = NONE
    for (let index = assignments.length - 1; index >= 0; index--) next = this.#addAssignment(assignments[index] as Assignment, next)
    states.setWord(place, FIRST_ASSIGNMENT, next)
    states.setWord(place, OWNER, NONE)
    return place
  }

  /** Equal to what was added; its parts are shared with others, and nobody's to change. */
  read(place: number): AccessState {
    const states = this.#states
    const [tenantPart, userPart] = this.#parts(place)
    const assignments = this.#readAssignments(states.word(place, FIRST_ASSIGNMENT))
    return {
      position: states.number(place, POSITION),
      policyPosition: states.number(place, POLICY_POSITION),
      readAtMs: states.number(place, READ_AT_MS),
      tenant: tenantPart === NONE ? undefined : this.#tenants.value(tenantPart - 1),
      user: userPart === NONE ? undefined : this.#users.value(userPart - 1),
      assignments,
    }
  }

  /** As `read`, by somebody who keeps it: its parts are held for all, until `unuse`. */
  use(place: number): AccessState {
    const [tenantPart, userPart] = this.#parts(place)
    if (tenantPart !== NONE) this.#tenants.use(tenantPart - 1)
    if (userPart !== NONE) this.#users.use(userPart - 1)
    return this.read(place)
  }

  /** Before what stands there is removed. */
  unuse(place: number): void {
    const [tenantPart, userPart] = this.#parts(place)
    if (tenantPart !== NONE) this.#tenants.unuse(tenantPart - 1)
    if (userPart !== NONE) this.#users.unuse(userPart - 1)
  }

  mark(place: number): void {
    this.#states.setWord(place, TENANT, this.#states.word(place, TENANT) | MARKED)
  }

  /** @returns whether it was marked */
  unmark(place: number): boolean {
    const word = this.#states.word(place, TENANT)
    const isMarked = (word & MARKED) === MARKED
    if (isMarked) this.#states.setWord(place, TENANT, word - MARKED)
    return isMarked
  }

  /** Whose it is, as numbered by who asks here, from 1; 0 where nothing stands, or nobody's. */
  owner(place: number): number {
    return this.#states.word(place, OWNER)
  }

  setOwner(place: number, owner: number): void {
    this.#states.setWord(place, OWNER, owner)
  }

  remove(place: number): void {
    const states = this.#states
    const [tenantPart, userPart] = this.#parts(place)
    if (tenantPart !== NONE) this.#tenants.release(tenantPart - 1)
    if (userPart !== NONE) this.#users.release(userPart - 1)
    let at = states.word(place, FIRST_ASSIGNMENT)
    while (at !== NONE) {
      const next = this.#assignments.word(at, NEXT_ASSIGNMENT)
      this.#removeAssignment(at)
      at = next
    }
    states.setWord(place, OWNER, NONE)
    states.release(place)
  }

  #parts(place: number): readonly [tenant: number, user: number] {
    return [this.#states.word(place, TENANT) >>> MARK_BITS, this.#states.word(place, USER)]
  }

  #addAssignment({ id, role, validFromMs, expiresAtMs }: Assignment, next: number): number {
    const cells = this.#assignments
    const at = cells.take()
    const isUuid = isUuidText(id)
    if (isUuid) for (let index = 0; index < 4; index++) cells.setWord(at, ID + index, uuidWord(id, index))
    else cells.setWord(at, ID, this.#texts.take(id))
    // That it has no end is a mark, not a number: no instant whatever may be taken for it.
    const marks = (isUuid ? IS_UUID : 0) | (expiresAtMs === null ? 0 : HAS_END)
    cells.setWord(at, ROLE_AND_MARKS, (this.#texts.take(role) << MARKS) | marks)
    cells.setWord(at, NEXT_ASSIGNMENT, next)
    cells.setNumber(at, VALID_FROM_MS, validFromMs)
    if (expiresAtMs !== null) cells.setNumber(at, EXPIRES_AT_MS, expiresAtMs)
    return at
  }

  #readAssignments(first: number): readonly Assignment[] {
    if (first === NONE) return []
    const second = this.#assignments.word(first, NEXT_ASSIGNMENT)
    // Most have one or two; an array that grows makes room for seventeen.
    if (second === NONE) return [this.#readAssignment(first)]
    const assignments = [this.#readAssignment(first), this.#readAssignment(second)]
    for (let at = this.#assignments.word(second, NEXT_ASSIGNMENT); at !== NONE; at = this.#assignments.word(at, NEXT_ASSIGNMENT))
      assignments.push(this.#readAssignment(at))
    return assignments
  }

  #readAssignment(at: number): Assignment {
    const cells = this.#assignments
    const word = cells.word(at, ROLE_AND_MARKS)
    return {
      id:
        (word & IS_UUID) === 0
          ? this.#texts.value(cells.word(at, ID))
          : this.#uuids.read(cells.word(at, ID), cells.word(at, ID + 1), cells.word(at, ID + 2), cells.word(at, ID + 3)),
      role: this.#texts.value(word >>> MARKS),
      validFromMs: cells.number(at, VALID_FROM_MS),
      expiresAtMs: (word & HAS_END) === 0 ? null : cells.number(at, EXPIRES_AT_MS),
    }
  }

  #removeAssignment(at: number): void {
    const cells = this.#assignments
    const word = cells.word(at, ROLE_AND_MARKS)
    if ((word & IS_UUID) === 0) this.#texts.release(cells.word(at, ID))
    this.#texts.release(word >>> MARKS)
    cells.release(at)
  }
}

function parseTenant(text: string): TenantPart {
  const [suspended, attributes] = JSON.parse(text) as [TenantPart['suspended'], TenantPart['attributes']]
  return { suspended, attributes }
}

function parseUser(text: string): UserPart {
  const [deactivated, attributes, epoch] = JSON.parse(text) as [UserPart['deactivated'], UserPart['attributes'], UserPart['epoch']]
  return { deactivated, attributes, epoch }
}
