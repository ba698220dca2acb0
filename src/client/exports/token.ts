/** `castellan/client/token`: what applications import. Re-exports; holds nothing. Floor 6. */
export * from '../errors.ts'
export * from '../guard/token-verifier.ts'
