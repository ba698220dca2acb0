/** What a route of HTTP is: enough to serve it and to describe it. Floor 5. */
import type { z } from 'zod'
import type { Scope } from '../../../model/caller.ts'
import type { OperationName } from '../wire-needs.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{name}` stands for one segment, which becomes the field of that name. */
  readonly path: string
  /** Its gRPC name. */
  readonly operation: OperationName | 'PlanPolicy' | 'WatchDecisions'
  readonly summary: string
  /** One of these the caller's key must carry. */
  readonly scopes: readonly Scope[]
  /** Path, and query or body, together: the same object that the gRPC message becomes. */
  readonly request: z.ZodObject
  /** The answer; of PlanPolicy, one line of it; of WatchDecisions, the data of one event. */
  readonly response: z.ZodType
  /** No body at all is an empty one. */
  readonly bodyOptional?: true
  /** 201 when something came into being. */
  readonly creates?: true
  /** Answers ETag and honours If-None-Match. */
  readonly etag?: true
  /** Largest body, in bytes; absent: BODY_BYTES_MAX. Only a caller with one of `scopes` has a larger one read. */
  readonly bodyBytesMax?: number
  /** Served before express: asked on every request of every service. */
  readonly hot?: true
}

/** Names between braces, in order. */
export function pathFields(route: Route): readonly string[] {
  return [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
}

/** Fields that come by query (GET, DELETE) or body (POST, PUT). */
export function otherFields(route: Route): readonly string[] {
  const path = pathFields(route)
  return Object.keys(route.request.shape).filter((name) => !path.includes(name))
}
