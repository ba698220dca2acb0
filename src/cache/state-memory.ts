/** The in-process level for access states: packed, by tenant and then by user. Does not know whether one still holds. Floor 2. */
import { type AccessState, nextEdgeMs } from '../model/access-state.ts'
import { STATES_UNPACKED_MAX } from '../model/limits.ts'
import type { MemoryBounds } from './memory.ts'
import { bytesRead, PackedStates } from './packed-states.ts'
import type { KeptState, StateLevel } from './ports.ts'
import { ownText, textBytes } from './text-bytes.ts'

/** A user's place in its tenant's map, which is between all and half full, and in the list of names. */
const PLACE_BYTES = 42 + 9
/** A tenant's map of users, before it holds any, and its own place. */
const TENANT_BYTES = 300

interface TenantUsers {
  readonly name: string
  /** Its own place in the list of them, from 1. */
  readonly index: number
  readonly places: Map<string, number>
}

/** Unpacked, because it was asked for lately. */
class HotState implements KeptState {
  readonly value: AccessState
  readonly edgeMs: number
  readonly place: number
  readonly bytes: number
  /** How often it was asked for lately, up to HEAT_MAX: it cools as others want its room, and as the hand goes by. */
  heat = 1

  constructor(value: AccessState, place: number) {
    this.value = value
    this.edgeMs = nextEdgeMs(value)
    this.place = place
    this.bytes = bytesRead(value)
  }
}

/** So many others in vain want the room of what is asked for all the time; who is asked for once, among a million, makes nothing that lasts. */
const HEAT_MAX = 3

/** Places that the hand passes for one put or look: where all were asked for, a million marks would be taken off while everybody waits. */
const HAND_STEPS_MAX = 1_000

/** Of all bytes, for what is unpacked: reading does not drive out much of what was put. */
const UNPACKED_SHARE = 1 / 4
/** Unpacked ones that are looked at for the room of one more; without any, that one is not kept unpacked. */
const COOL_STEPS_MAX = 64

/** Empty, and never beyond its bounds; an entry larger than all of it is not kept, nor what was there before of that pair. */
export function openStateMemory(bounds: MemoryBounds): StateLevel {
  return new StateMemory(bounds)
}

/**
 * Packed entries lie outside of the collector's heap. The few that are asked for are kept unpacked beside, at the place's number modulo their
 * count, so that a look makes nothing. What goes when there is too much: a hand goes round all places and takes the first that was not asked
 * for since it last came by.
 */
class StateMemory implements StateLevel {
  readonly #entriesMax: number
  readonly #bytesMax: number
  readonly #hotMask: number
  #packed = new PackedStates()
  #tenants = new Map<string, TenantUsers>()
  /** By index: a number takes half of what a reference would, at a million places. */
  #owners: (TenantUsers | undefined)[] = [undefined]
  /** Indexes of no tenant any more. */
  #freeOwners: number[] = []
  /** By place; absent where it is nobody's. */
  #users: (string | undefined)[] = [undefined]
  #hot: (HotState | undefined)[]
  #entries = 0
  #hotBytes = 0
  #ownBytes = 0
  #hand = 0
  #coolHand = 0

  constructor({ entriesMax, bytesMax }: MemoryBounds) {
    this.#entriesMax = entriesMax
    this.#bytesMax = bytesMax
    let hotPlaces = 1
    while (hotPlaces < Math.min(entriesMax, STATES_UNPACKED_MAX)) hotPlaces *= 2
    this.#hotMask = hotPlaces - 1
    this.#hot = new Array<undefined>(hotPlaces).fill(undefined)
  }

  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#ownBytes + this.#hotBytes + this.#packed.bytes
  }

  get(tenant: string, user: string): KeptState | undefined {
    const place = this.#tenants.get(tenant)?.places.get(user)
    if (place === undefined) return undefined
    const hot = this.#hot[place & this.#hotMask]
    if (hot === undefined || hot.place !== place) return this.#unpack(place, hot)
    if (hot.heat < HEAT_MAX) hot.heat++
    return hot
  }

  set(tenant: string, user: string, state: AccessState): void {
    const bytesBefore = this.bytes
    const place = this.#packed.add(state)
    const isTooLarge = this.bytes - bytesBefore > this.#bytesMax
    const users = this.#tenants.get(tenant) ?? this.#addTenant(tenant)
    const known = users.places.get(user)
    const name = (known === undefined ? undefined : this.#users[known]) ?? ownText(user)
    if (known !== undefined) this.#discard(known)
    users.places.set(name, place)
    this.#packed.setOwner(place, users.index)
    this.#users[place] = name
    this.#entries++
    this.#ownBytes += PLACE_BYTES + textBytes(name)
    if (isTooLarge) this.#remove(place)
    else this.#fit(place)
  }

  clear(): void {
    this.#packed = new PackedStates()
    this.#tenants = new Map()
    this.#owners = [undefined]
    this.#freeOwners = []
    this.#users = [undefined]
    this.#hot.fill(undefined)
    this.#entries = 0
    this.#hotBytes = 0
    this.#ownBytes = 0
    this.#hand = 0
  }

  #unpack(place: number, resident: HotState | undefined): KeptState {
    if (resident !== undefined && resident.heat > 0) {
      resident.heat--
      this.#packed.mark(place)
      const value = this.#packed.read(place)
      return { value, edgeMs: nextEdgeMs(value) }
    }
    const hot = new HotState(this.#packed.use(place), place)
    this.#cool(place)
    this.#hot[place & this.#hotMask] = hot
    this.#hotBytes += hot.bytes
    this.#fitUnpacked(place)
    this.#fit(place)
    return hot
  }

  /** @param spared goes when the others do not, which cool as the hand goes by */
  #fitUnpacked(spared: number): void {
    const isTooMuch = () => this.#hotBytes + this.#packed.usedBytes > this.#bytesMax * UNPACKED_SHARE
    for (let step = 0; step < COOL_STEPS_MAX && isTooMuch(); step++) {
      this.#coolHand = (this.#coolHand + 1) & this.#hotMask
      const hot = this.#hot[this.#coolHand]
      if (hot === undefined || hot.place === spared) continue
      if (hot.heat > 0) hot.heat--
      else this.#cool(hot.place)
    }
    if (isTooMuch()) this.#cool(spared)
  }

  /** Whoever is unpacked where this place would be is not any more. */
  #cool(place: number): void {
    const hot = this.#hot[place & this.#hotMask]
    if (hot === undefined) return
    this.#hot[place & this.#hotMask] = undefined
    this.#hotBytes -= hot.bytes
    this.#packed.unuse(hot.place)
    if (hot.heat > 0) this.#packed.mark(hot.place)
  }

  /** @param spared goes last */
  #fit(spared: number): void {
    let stepsLeft = HAND_STEPS_MAX
    while (this.#entries > 0 && (this.#entries > this.#entriesMax || this.bytes > this.#bytesMax)) {
      if (this.#entries > 1) stepsLeft = this.#moveHand(spared, stepsLeft)
      this.#remove(this.#entries > 1 ? this.#hand : spared)
    }
  }

  /** To who goes, of two entries or more: the first that was not asked for or, without steps left, the next. @returns the steps left */
  #moveHand(spared: number, stepsLeft: number): number {
    for (let left = stepsLeft; ; left--) {
      this.#hand = this.#packed.after(this.#hand)
      const place = this.#hand
      if (place === spared || this.#users[place] === undefined) continue
      const hot = this.#hot[place & this.#hotMask]
      const isUsed = hot?.place === place && hot.heat > 0
      if (isUsed) hot.heat = 0
      if ((!this.#packed.unmark(place) && !isUsed) || left <= 0) return left
    }
  }

  #remove(place: number): void {
    const [users, name] = [this.#owners[this.#packed.owner(place)], this.#users[place]]
    if (users === undefined || name === undefined) return
    users.places.delete(name)
    this.#discard(place)
    if (users.places.size > 0) return
    this.#tenants.delete(users.name)
    this.#owners[users.index] = undefined
    this.#freeOwners.push(users.index)
    this.#ownBytes -= TENANT_BYTES + textBytes(users.name)
  }

  /** All but its name in the tenant's map. */
  #discard(place: number): void {
    if (this.#hot[place & this.#hotMask]?.place === place) this.#cool(place)
    this.#packed.remove(place)
    this.#entries--
    this.#ownBytes -= PLACE_BYTES + textBytes(this.#users[place] ?? '')
    this.#users[place] = undefined
  }

  #addTenant(tenant: string): TenantUsers {
    const index = this.#freeOwners.pop() ?? this.#owners.length
    const users: TenantUsers = { name: ownText(tenant), index, places: new Map() }
    this.#owners[index] = users
    this.#tenants.set(users.name, users)
    this.#ownBytes += TENANT_BYTES + textBytes(users.name)
    return users
  }
}
