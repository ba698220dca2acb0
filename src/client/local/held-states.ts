/** Access states by tenant and user, within bounds. Does not know whether one still holds. Floor 6. */

import { LOCAL_TENANT_BYTES } from '../limits.ts'

export interface Sized {
  /** About what it takes in memory. */
  bytes: number
}

interface Generation<E> {
  readonly byTenant: Map<string, Map<string, E>>
  entries: number
  bytes: number
}

function empty<E>(): Generation<E> {
  return { byTenant: new Map(), entries: 0, bytes: 0 }
}

/**
 * Two generations: what is looked at moves to the young one, and when that is half of what may be kept, the old one goes as a whole. So a look
 * costs two look-ups and makes nothing, which is most of what a local check costs.
 */
export class HeldStates<E extends Sized> {
  readonly #entriesMax: number
  readonly #bytesMax: number
  #young = empty<E>()
  #old = empty<E>()

  constructor({ entriesMax, bytesMax }: { readonly entriesMax: number; readonly bytesMax: number }) {
    this.#entriesMax = entriesMax
    this.#bytesMax = bytesMax
  }

  get entries(): number {
    return this.#young.entries + this.#old.entries
  }

  get bytes(): number {
    return this.#young.bytes + this.#old.bytes
  }

  holdsTenant(tenant: string): boolean {
    return this.#young.byTenant.has(tenant) || this.#old.byTenant.has(tenant)
  }

  get(tenant: string, user: string): E | undefined {
    const young = this.#young.byTenant.get(tenant)?.get(user)
    if (young !== undefined) return young
    const old = take(this.#old, tenant, user)
    if (old !== undefined) this.#put(tenant, user, old)
    return old
  }

  /** Larger than half of all that may be kept: it is not, nor what was there before. */
  set(tenant: string, user: string, entry: E): void {
    take(this.#young, tenant, user)
    take(this.#old, tenant, user)
    if (entry.bytes <= this.#bytesMax / 2) this.#put(tenant, user, entry)
  }

  /** An entry in the young generation, where `get` put it, has become larger. */
  grew(entry: E, bytes: number): void {
    entry.bytes += bytes
    this.#young.bytes += bytes
    this.#age()
  }

  clear(): void {
    this.#young = empty()
    this.#old = empty()
  }

  #put(tenant: string, user: string, entry: E): void {
    // Before, so that what was looked at just now is in the young generation.
    if (
      this.#young.entries + 1 > Math.max(1, this.#entriesMax / 2) ||
      this.#young.bytes + entry.bytes + bytesOfTenant(tenant) > this.#bytesMax / 2
    )
      this.#turn()
    let users = this.#young.byTenant.get(tenant)
    if (users === undefined) {
      users = new Map()
      this.#young.byTenant.set(tenant, users)
      this.#young.bytes += bytesOfTenant(tenant)
    }
    users.set(user, entry)
    this.#young.entries++
    this.#young.bytes += entry.bytes
  }

  #age(): void {
    if (this.#young.bytes > this.#bytesMax / 2) this.#turn()
  }

  #turn(): void {
    this.#old = this.#young
    this.#young = empty()
  }
}

function bytesOfTenant(tenant: string): number {
  return LOCAL_TENANT_BYTES + 2 * tenant.length
}

function take<E extends Sized>(generation: Generation<E>, tenant: string, user: string): E | undefined {
  const users = generation.byTenant.get(tenant)
  const entry = users?.get(user)
  if (users === undefined || entry === undefined) return undefined
  users.delete(user)
  if (users.size === 0) {
    generation.byTenant.delete(tenant)
    generation.bytes -= bytesOfTenant(tenant)
  }
  generation.entries--
  generation.bytes -= entry.bytes
  return entry
}
