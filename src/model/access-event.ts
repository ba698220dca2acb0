/** What a watcher of access is told, by the service and as its clients hear it. Floor 1. */

/** The revision in force, and the position of its activation. */
export interface PolicyStanding {
  readonly revision: string
  readonly position: number
}

/** A change that may turn a decision: of a user's account, attributes or roles, of a tenant, or of the policy. */
export type AccessChange = { readonly position: number } & (
  | { readonly kind: 'user' | 'tenant'; readonly fingerprint: number }
  | { readonly kind: 'policy'; readonly revision: string }
)

export type AccessEvent =
  | {
      readonly kind: 'opened'
      readonly incarnation: string
      readonly position: number
      readonly resumed: boolean
      /** Not resumed: in force at the position, if there is one. Resumed: absent, for what the watcher knows is later than what is known here, or told to it next. */
      readonly policy: PolicyStanding | undefined
      readonly callerDigest: string
    }
  | { readonly kind: 'changes'; readonly changes: readonly AccessChange[]; readonly through: number }
  | {
      readonly kind: 'heartbeat'
      readonly beat: number
      readonly position: number
      readonly ageMs: number
      readonly fresh: boolean
      readonly databaseBeforeMs: number
    }
