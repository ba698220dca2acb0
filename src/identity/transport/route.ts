/** What an address of the identity service is, and what its work gets and gives. Floor 5. */
import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import type { Caller } from '../../model/caller.ts'
import type { Person, Visitor } from '../ports.ts'
import type { Cors } from './cross-site.ts'

/** One request under way. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly visitor: Visitor
  readonly requestId: string
  readonly signal: AbortSignal
  /** Body, or query where the method has no body, and path, as one object of this schema. @throws RequestError */
  input<S extends z.ZodObject>(schema: S): Promise<z.output<S>>
  /** @throws UnauthenticatedError */
  caller(): Promise<Caller>
  /** @throws UnauthenticatedError */
  person(): Promise<Person>
}

export interface Reply {
  readonly status: number
  /** Absent: no body. A string is written as it is. */
  readonly body?: Readonly<Record<string, unknown>> | string
  readonly headers?: Readonly<Record<string, string>>
}

export interface IdentityRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{name}` stands for one segment, which becomes the field of that name. */
  readonly path: string
  /** For logs and metrics. */
  readonly name: string
  readonly cors?: Cors
  /** Errors in the form of RFC 6749. */
  readonly oauth?: true
  readonly bodyOptional?: true
  serve(exchange: Exchange): Promise<Reply>
}
