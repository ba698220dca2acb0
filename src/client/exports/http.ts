/** `castellan/client/http`: what applications import. Re-exports; holds nothing. Floor 6. */
export type * from '../client.ts'
export * from '../errors.ts'
