/** What is asked of a replica that is measured by itself, and what it tells: between the bench and the process of the replica. Types only. */

/** What lies in the replica's memory, and under which policy. */
export interface Point {
  /** People, each in one tenant. */
  readonly users: number
  readonly tenants: number
  readonly rolesEach: number
  readonly permissions: number
  /** Attributes of each person, as JSON; `{}` has none. */
  readonly attributes: string
}

export interface PointAsked extends Point {
  /** Warm checks are measured for so long, so many times; no round: only memory is. */
  readonly seconds: number
  readonly rounds: number
}

export interface PointTold {
  /** Of the processor, for one warm check through the decision point, in each round. */
  readonly nanoseconds: readonly number[]
  /** Pairs that memory holds: fewer than were put in when it is full. */
  readonly entries: number
  /** What holding them takes of the heap and beside it, whole, and with their ids. */
  readonly bytes: number
  /** As the replica counts it itself. */
  readonly bytesCounted: number
}

/** Every id of a user, and of a tenant, has so many characters: a UUID's. */
export const ID_CHARACTERS = 36
