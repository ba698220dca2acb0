/** The changes that writers make over the wires, as requests of both, and how their answers are read. */

export type Operation =
  | {
      readonly kind: 'grant'
      readonly tenant: string
      readonly user: string
      readonly role: string
      readonly validFromMs?: number
      readonly expiresAtMs?: number
    }
  | { readonly kind: 'revoke'; readonly tenant: string; readonly user: string; readonly role: string }
  | { readonly kind: 'deactivate' | 'reactivate'; readonly user: string }
  | { readonly kind: 'suspend' | 'resume'; readonly tenant: string }
  | { readonly kind: 'make-key'; readonly name: string }
  | { readonly kind: 'revoke-key'; readonly id: string }

/** Of people who log in: made in the run's own process, as the identity service makes them. */
export type IdentityOperation =
  | { readonly kind: 'end-session'; readonly user: string; readonly session: string }
  | { readonly kind: 'end-sessions'; readonly user: string }
  | { readonly kind: 'rotate-keys' | 'rotate-keys-at-once' }

export interface Demand {
  readonly operation: Operation
  /** Stands in the audit as the reason: by it an entry is known again. */
  readonly label: string
  readonly wait: boolean
}

/** `refused`: certainly nothing was changed. `unknown`: it may have been, or may still be. */
export type ChangeOutcome =
  | {
      readonly kind: 'made'
      readonly changed: boolean
      readonly position: number
      readonly effective: boolean
      readonly key?: { readonly id: string; readonly key: string }
    }
  | { readonly kind: 'refused' | 'unknown'; readonly code: string }

/** Codes of errors after which nothing can have happened. */
const CERTAIN = new Set([
  'request_invalid',
  'unauthenticated',
  'permission_denied',
  'not_found',
  'constraint_violated',
  'conflict',
  'overloaded',
  'route_not_found',
])

export function failed(code: string): ChangeOutcome {
  return { kind: CERTAIN.has(code) ? 'refused' : 'unknown', code }
}

export function made(answer: Readonly<Record<string, unknown>>): ChangeOutcome {
  const { changed, position, effective, key, caller } = answer
  const id = (caller as { readonly id?: string } | undefined)?.id
  return {
    kind: 'made',
    // Making a key does not say it: each time it makes another one.
    changed: changed === true || typeof key === 'string',
    position: Number(position),
    effective: effective === true,
    ...(typeof key === 'string' && id !== undefined ? { key: { id, key } } : {}),
  }
}

export interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly body?: object
}

export function httpRequest({ operation, label: reason, wait }: Demand): HttpRequest {
  const said = { reason, ...(wait ? {} : { wait }) }
  const query = new URLSearchParams({ reason, ...(wait ? {} : { wait: 'false' }) })
  switch (operation.kind) {
    case 'grant': {
      const { tenant, user, role, validFromMs, expiresAtMs } = operation
      const validFrom = validFromMs === undefined ? {} : { validFrom: new Date(validFromMs).toISOString() }
      const expiresAt = expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }
      return { method: 'POST', path: assignmentsOf(tenant, user), body: { role, ...validFrom, ...expiresAt, ...said } }
    }
    case 'revoke':
      query.set('role', operation.role)
      return { method: 'DELETE', path: `${assignmentsOf(operation.tenant, operation.user)}?${query}` }
    case 'deactivate':
    case 'reactivate':
      return { method: 'POST', path: `/v1/users/${operation.user}/${operation.kind}`, body: said }
    case 'suspend':
    case 'resume':
      return { method: 'POST', path: `/v1/tenants/${operation.tenant}/${operation.kind}`, body: said }
    case 'make-key':
      return { method: 'POST', path: '/v1/callers', body: { name: operation.name, scopes: ['decide', 'replicate'], ...said } }
    case 'revoke-key':
      return { method: 'DELETE', path: `/v1/callers/${operation.id}?${query}` }
  }
}

export interface GrpcRequest {
  readonly method: string
  readonly message: object
}

export function grpcRequest({ operation, label: reason, wait }: Demand): GrpcRequest {
  const said = { reason, ...(wait ? {} : { wait }) }
  switch (operation.kind) {
    case 'grant': {
      const { tenant, user, role, validFromMs, expiresAtMs } = operation
      const validFrom = validFromMs === undefined ? {} : { validFrom: timestamp(validFromMs) }
      const expiresAt = expiresAtMs === undefined ? {} : { expiresAt: timestamp(expiresAtMs) }
      return { method: 'createAssignment', message: { tenant, user, role, ...validFrom, ...expiresAt, ...said } }
    }
    case 'revoke':
      return { method: 'revokeRole', message: { tenant: operation.tenant, user: operation.user, role: operation.role, ...said } }
    case 'deactivate':
    case 'reactivate':
      return { method: `${operation.kind}User`, message: { user: operation.user, ...said } }
    case 'suspend':
    case 'resume':
      return { method: `${operation.kind}Tenant`, message: { tenant: operation.tenant, ...said } }
    case 'make-key':
      return { method: 'createCaller', message: { name: operation.name, scopes: ['decide', 'replicate'], ...said } }
    case 'revoke-key':
      return { method: 'revokeCaller', message: { id: operation.id, ...said } }
  }
}

function assignmentsOf(tenant: string, user: string): string {
  return `/v1/tenants/${tenant}/users/${user}/assignments`
}

function timestamp(ms: number): { readonly seconds: number; readonly nanos: number } {
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 }
}
