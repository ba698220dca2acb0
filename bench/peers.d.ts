/** As much of the peers' types as is used: the repository is checked where they are not installed. */
declare module 'casbin' {
  export interface Enforcer {
    addPolicies(rules: string[][]): Promise<boolean>
    addGroupingPolicies(rules: string[][]): Promise<boolean>
    addFunction(name: string, func: (...args: unknown[]) => unknown): Promise<void>
    enforceSync(...values: unknown[]): boolean
  }
  export function newEnforcer(...parts: unknown[]): Promise<Enforcer>
  export function newModelFromString(text: string): unknown
}

declare module '@cedar-policy/cedar-wasm/nodejs' {
  export interface EntityUid {
    readonly type: string
    readonly id: string
  }
  export function getCedarVersion(): string
  export function preparsePolicySet(
    id: string,
    policies: { staticPolicies: string },
  ): { type: 'success' } | { type: 'failure'; errors: unknown }
  export function statefulIsAuthorized(call: {
    principal: EntityUid
    action: EntityUid
    resource: EntityUid
    context: unknown
    preparsedPolicySetId: string
    entities: unknown
  }): { type: 'success'; response: { decision: 'allow' | 'deny' } } | { type: 'failure'; errors: unknown }
}
