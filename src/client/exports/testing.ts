/** `castellan/client/testing`: what applications' tests import. Re-exports; holds nothing. Floor 6. */
export type * from '../client.ts'
export * from '../errors.ts'
export { createFake, type Fake, type FakeReason, type FakeSettings } from '../testing/create-fake.ts'
export { createLocal, type Local, type LocalSettings } from '../testing/create-local.ts'
export type { FakeSubject } from '../testing/fake-rules.ts'
export type { Grant, TenantFacts, UserFacts } from '../testing/local-facts.ts'
export type { Moment } from '../testing/parse-facts.ts'
