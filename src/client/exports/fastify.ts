/** `castellan/client/fastify`: what applications import. Re-exports; holds nothing. Floor 6. */
export * from '../errors.ts'
export type { Access, GuardOptions } from '../guard/admit.ts'
export * from '../guard/fastify.ts'
export type { Listed, RequireOptions, ResourceLoader } from '../guard/requirement.ts'
export { type BearerOptions, bearer, type SubjectOf, verified, type WithHeaders } from '../guard/subjects.ts'
