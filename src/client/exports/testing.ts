/** `castellan/client/testing`: what applications' tests import. Re-exports; holds nothing. Floor 6. */
export type * from '../client.ts'
export * from '../errors.ts'
export { createFake, type Fake, type FakeSettings } from '../testing/create-fake.ts'
export { createLocal, type Local, type LocalSettings } from '../testing/create-local.ts'
export type { FakeSubject } from '../testing/fake-rules.ts'
export type { Grant, Moment, TenantFacts, UserFacts } from '../testing/local-facts.ts'
