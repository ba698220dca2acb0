/** For services that read tokens on their own: keys, discovery, the permission index, revocations. Floor 5. */
import { requireAllTenants, requireScope } from '../../access/guard.ts'
import { NotFoundError, UnauthenticatedError } from '../../model/error-code.ts'
import type { Revocation } from '../../model/identity.ts'
import { REVOCATIONS_PAGE_MAX } from '../../model/identity-limits.ts'
import * as answers from './answers.ts'
import type { IdentityWireNeeds, PublicDocument } from './needs.ts'
import * as requests from './requests.ts'
import type { Exchange, IdentityRoute, Reply } from './route.ts'

/** A version never changes. */
const FOR_EVER = 'private, max-age=31536000, immutable'

export function readerRoutes(needs: IdentityWireNeeds): readonly IdentityRoute[] {
  return [
    ...[...needs.documents].map(
      ([path, document]): IdentityRoute => ({
        method: 'GET',
        path,
        name: 'WellKnown',
        cors: 'all',
        serve: async ({ request }) => documentReply(await document(), request.headers['if-none-match']),
      }),
    ),
    {
      method: 'GET',
      path: '/v1/permission-index/{version}',
      name: 'PermissionIndex',
      cors: 'clients',
      async serve(exchange) {
        await requireReader(exchange)
        const { version } = await exchange.input(requests.indexSchema)
        const entries = await needs.permissionIndex()
        if (version > entries.length) throw new NotFoundError('There is no such version of the permission index yet.')
        return {
          status: 200,
          body: answers.indexMessage(version, entries.slice(0, version)),
          headers: { 'cache-control': FOR_EVER },
        }
      },
    },
    {
      method: 'GET',
      path: '/v1/revocations',
      name: 'ListRevocations',
      async serve({ caller, input }) {
        const by = await caller()
        requireScope(by, 'decide')
        // Sessions and epochs belong to no tenant.
        requireAllTenants(by)
        const { since = 0 } = await input(requests.revocationsSchema)
        const { position, revocations, more } = await revocationsSince(needs.listRevocations, since)
        return { status: 200, body: { position, revocations: revocations.map(answers.revocationMessage), more } }
      },
    },
  ]
}

/** Services that ask for decisions, and people: their tokens name positions of this index. */
async function requireReader(exchange: Exchange): Promise<void> {
  try {
    await exchange.person()
  } catch (fault) {
    if (!(fault instanceof UnauthenticatedError)) throw fault
    requireScope(await exchange.caller(), 'decide')
  }
}

/** Positions come whole (IdentityReader), so whoever goes on from the last one misses nothing of it. */
async function revocationsSince(
  list: IdentityWireNeeds['listRevocations'],
  since: number,
): Promise<{ readonly position: number; readonly revocations: readonly Revocation[]; readonly more: boolean }> {
  const { position: head, revocations } = await list(since, REVOCATIONS_PAGE_MAX)
  const last = revocations.at(-1)?.position ?? head
  // A full page may have been cut off behind its last position; of one that is not full the rest of the feed has none.
  const more = revocations.length >= REVOCATIONS_PAGE_MAX && last < head
  return { position: more ? last : head, revocations, more }
}

function documentReply(document: PublicDocument, ifNoneMatch: string | undefined): Reply {
  const headers = {
    'cache-control': `public, max-age=${document.cacheSeconds}`,
    ...(document.etag === undefined ? {} : { etag: document.etag }),
  }
  const known = document.etag !== undefined && ifNoneMatch?.split(',').some((tag) => tag.trim() === document.etag) === true
  return known ? { status: 304, headers } : { status: 200, body: document.body, headers }
}
