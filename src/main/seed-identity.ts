/** The demo application of a development service: registered with redirects to this service alone, on loopback. Made through administration, so audited. Floor 6. */
import type { IdentityAdministration } from '../identity/ports.ts'
import type { ChangeContext } from '../model/administration.ts'
import { type Caller, SCOPES } from '../model/caller.ts'

const SEED: Caller = { id: 'development-seed', name: 'development-seed', scopes: SCOPES, tenants: null, builtIn: true }
const CONTEXT: ChangeContext = { caller: SEED, reason: 'sample of castellan dev' }

export const DEMO_CLIENT = 'demo'

/** Each start: the port may be another one. */
export async function seedDemoClient(administration: IdentityAdministration, issuer: string): Promise<void> {
  const redirectUris = [`${issuer}/dev/app`]
  await administration.putClient(CONTEXT, { id: DEMO_CLIENT, name: 'Demo application', redirectUris })
}
