/** Origins of applications: which pages of other origins may read our answers and use our cookies. Floor 5. */
import type { Clock } from '../../ground/clock.ts'
import type { PageInput } from '../../model/administration.ts'
import type { LoginClientRecord } from '../../model/identity.ts'
import { ORIGINS_CLIENTS_MAX, ORIGINS_KEPT_MS } from '../../model/identity-limits.ts'
import { PAGE_SIZE_MAX } from '../../model/limits.ts'
import type { Page } from '../../model/records.ts'

export interface ClientDirectory {
  findClient(id: string): Promise<LoginClientRecord | undefined>
  listClients(page: PageInput): Promise<Page<LoginClientRecord>>
}

/**
 * Whether a page of this origin belongs to some application in force; a little old at most (ORIGINS_KEPT_MS): it costs anybody nothing to ask.
 * A page of an application that was just revoked gains nothing by that. What it may read is what it could have asked for without a browser:
 * nobody logs in to the application any more, and its tokens are refused; a cookie that brings a new token counts by the application's row as it is
 * now (cross-site.ts). What is left is to sign out, within these seconds, the person whose browser shows the page.
 */
export type KnowsOrigin = (origin: string) => Promise<boolean>

/** Origins that a browser would send; those of private-use schemes are no pages. */
export function originsOf(client: LoginClientRecord | undefined): readonly string[] {
  if (client === undefined || client.revokedAtMs !== null) return []
  return client.redirectUris.flatMap((uri) => {
    const origin = URL.canParse(uri) ? new URL(uri).origin : 'null'
    return origin === 'null' ? [] : [origin]
  })
}

export function openOrigins(clients: ClientDirectory, clock: Clock): KnowsOrigin {
  let known: { readonly origins: ReadonlySet<string>; readonly atMs: number } | undefined
  let reading: Promise<ReadonlySet<string>> | undefined

  async function read(): Promise<ReadonlySet<string>> {
    // Before the first page is read: what is registered meanwhile may be missing from it.
    const atMs = clock.monotonicMs()
    const origins = new Set<string>()
    let pageToken: string | undefined
    for (let count = 0; count < ORIGINS_CLIENTS_MAX; count += PAGE_SIZE_MAX) {
      const page = await clients.listClients({ pageSize: PAGE_SIZE_MAX, ...(pageToken === undefined ? {} : { pageToken }) })
      for (const client of page.items) for (const origin of originsOf(client)) origins.add(origin)
      pageToken = page.nextPageToken
      if (pageToken === undefined) break
    }
    known = { origins, atMs }
    return origins
  }

  return async (origin) => {
    if (known !== undefined && clock.monotonicMs() - known.atMs < ORIGINS_KEPT_MS) return known.origins.has(origin)
    // Those who ask at once share one reading.
    reading ??= read().finally(() => {
      reading = undefined
    })
    return (await reading).has(origin)
  }
}
