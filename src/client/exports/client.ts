/** `castellan/client`: what applications import. Re-exports; holds nothing. Floor 6. */
export type * from '../client.ts'
export { type ClientOptions, createClient, type LocalClient } from '../create-client.ts'
export * from '../errors.ts'
export type { LocalOptions } from '../local/local-options.ts'
export type { LocalStatus } from '../local/local-status.ts'
export type { Credentials, TlsOptions } from '../wires/credentials.ts'
