/** The demo application of a development service: registered with redirects to this service alone, on loopback. Made through administration, so audited. Floor 6. */
import type { IdentityAdministration } from '../identity/ports.ts'
import type { ChangeContext } from '../model/administration.ts'
import { type Caller, SCOPES } from '../model/caller.ts'
import { PAGE_SIZE_MAX } from '../model/limits.ts'

const SEED: Caller = { id: 'development-seed', name: 'development-seed', scopes: SCOPES, tenants: null, builtIn: true }
const CONTEXT: ChangeContext = { caller: SEED, reason: 'sample of castellan dev' }

export const DEMO_CLIENT = 'demo'

/** Each start, unless it is so already: the port may be another one. One that was revoked stays so. */
export async function seedDemoClient(administration: IdentityAdministration, issuer: string): Promise<void> {
  const redirectUris = [`${issuer}/dev/app`]
  const { items } = await administration.listClients(SEED, { pageSize: PAGE_SIZE_MAX })
  const there = items.find((client) => client.id === DEMO_CLIENT)
  if (there !== undefined && (there.revokedAtMs !== null || there.redirectUris.join() === redirectUris.join())) return
  await administration.putClient(CONTEXT, { id: DEMO_CLIENT, name: 'Demo application', redirectUris })
}
