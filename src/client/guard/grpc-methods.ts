/** Which methods of gRPC services are in no table of a guard. Floor 6. */
import type { Metadata } from '@grpc/grpc-js'
import type { Requirement } from './requirement.ts'

/** What is known of a call before its first message. */
export interface GrpcCall {
  /** As `/package.Service/Method`. */
  readonly path: string
  readonly metadata: Metadata
  /** The same metadata as `bearer()` reads it; two values are none. */
  readonly headers: { readonly authorization?: string }
}

/** By path, as `/package.Service/Method`. */
export type GrpcTable = Readonly<Record<string, Requirement<GrpcCall>>>

/**
 * @param definitions those that the server is given, as `addService` takes them
 * @returns sorted lines; one that is in the table alone is told too: it guards nothing, and is likely misspelt
 */
export function unguarded(
  definitions: readonly Readonly<Record<string, { readonly path: string }>>[],
  table: GrpcTable,
): readonly string[] {
  const paths = new Set(definitions.flatMap((definition) => Object.values(definition).map(({ path }) => path)))
  const open = [...paths].filter((path) => !Object.hasOwn(table, path))
  const unknown = Object.keys(table).filter((path) => !paths.has(path))
  return [...open, ...unknown.map((path) => `${path} (in the table, and no method)`)].sort()
}
