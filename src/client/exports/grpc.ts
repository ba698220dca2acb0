/** `castellan/client/grpc`: what applications import. Re-exports; holds nothing. Floor 6. */
export * from '../errors.ts'
export type { Access, GuardOptions } from '../guard/admit.ts'
export * from '../guard/grpc.ts'
export type { GrpcCall, GrpcTable } from '../guard/grpc-methods.ts'
export type { Listed, Requirement, RequireOptions, ResourceLoader } from '../guard/requirement.ts'
export { type BearerOptions, bearer, type SubjectOf, verified, type WithHeaders } from '../guard/subjects.ts'
