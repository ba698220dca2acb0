/** `castellan/client/http`: what applications import. Re-exports; holds nothing. Floor 6. */
export type * from '../client.ts'
export { createHttpClient, type HttpClientOptions } from '../create-http-client.ts'
export * from '../errors.ts'
export type { Credentials, TlsOptions } from '../wires/credentials.ts'
