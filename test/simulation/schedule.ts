/** What happens in a simulated world, as plain data: the same schedule makes the same history. */
import type { Traffic, Way } from './world/wire.ts'

/** Numbers of replicas, pairs and the like are taken modulo how many there are. */
export type Action =
  | {
      readonly kind: 'change'
      readonly replica: number
      readonly pair: number
      readonly what: What
      readonly wait: boolean
      /** As soon as it has answered, all replicas are asked about what it touched. */
      readonly hammer: boolean
      readonly beforeMs: number
      readonly holdMs: number
      readonly rollsBack: boolean
    }
  | {
      readonly kind: 'check'
      readonly replica: number
      readonly pair: number
      readonly permission: number
      /** Asked together with the next pair, in one batch. */
      readonly batch: boolean
      /** The position to be reached: none, the highest anybody was told, or one beyond it. */
      readonly least: 'none' | 'told' | 'beyond'
      /** The caller leaves then. */
      readonly patienceMs: number | null
    }
  | {
      readonly kind: 'disturb'
      readonly replica: number | null
      readonly traffic: Traffic
      readonly way: Way
      readonly extraMs: number | null
      readonly count: number
    }
  | { readonly kind: 'pause' | 'suspend' | 'cut'; readonly replica: number; readonly forMs: number }
  | { readonly kind: 'crash' | 'leave'; readonly replica: number; readonly againAfterMs: number }
  | { readonly kind: 'bury'; readonly replica: number }
  | { readonly kind: 'database'; readonly goes: 'away' | 'still'; readonly forMs: number }
  /** From a snapshot of the disk; otherwise by recovery, or by another server that takes over. */
  | { readonly kind: 'restore'; readonly back: number; readonly snapshot: boolean; readonly forMs: number }
  | { readonly kind: 'prune' | 'age' }
  | { readonly kind: 'redis'; readonly goes: 'away' | 'still'; readonly forMs: number }
  | { readonly kind: 'redis-flush' | 'redis-copy' }
  | { readonly kind: 'redis-old-copy'; readonly which: number }
  | { readonly kind: 'redis-resurrect'; readonly oldest: boolean }

export type What =
  | { readonly kind: 'grant'; readonly role: number; readonly startsInMs: number; readonly lastsMs: number | null }
  | { readonly kind: 'revoke' | 'suspend' | 'resume' | 'deactivate' | 'reactivate' }
  | { readonly kind: 'publish' | 'activate'; readonly revision: number }

export interface Step {
  /** After the step before it. */
  readonly afterMs: number
  readonly action: Action
}

export interface Schedule {
  readonly replicas: number
  readonly redis: boolean
  /** What a message takes one way, least and most. */
  readonly travelMs: readonly [number, number]
  /** Of each replica's clock, thousandths beside true time. */
  readonly drifts: readonly number[]
  readonly seed: number
  /** In the end all goes well for a while, and then every check has to be answered. */
  readonly heals: boolean
  readonly steps: readonly Step[]
}
