/** Policy revisions, immutable, and the history of their activations; the feed's head names the one in force. Reads no policy. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { Page, RevisionRecord } from '../model/records.ts'
import { decodePageToken, readPage } from './page.ts'
import { msOf, msOrNullOf } from './value-types.ts'

interface Row {
  readonly revision: string
  readonly created_at: Date
  readonly source: string
  readonly activated_at: Date | null
}

/** Canonical JSON. */
export async function findRevision(db: Knex, revision: string): Promise<string | undefined> {
  const row: { readonly content: string } | undefined = await db('policy_revision').where({ revision }).first('content')
  return row?.content
}

/** In byte order of the revision. */
export async function listRevisions(db: Knex, page: PageInput): Promise<Page<RevisionRecord>> {
  const after = decodePageToken(page.pageToken)
  return await readPage(
    page,
    (record) => record.revision,
    async (limit) => {
      const activatedAt = db('policy_activation').max('activated_at').whereRaw('policy_activation.revision = policy_revision.revision')
      const query = db('policy_revision')
        .select('revision', 'created_at', 'source', activatedAt.as('activated_at'))
        .orderBy('revision')
        .limit(limit)
      const rows: readonly Row[] = await (after === undefined ? query : query.where('revision', '>', after))
      return rows.map(toRecord)
    },
  )
}

export async function insertRevision(db: Knex, revision: string, content: string, source: string): Promise<void> {
  await db('policy_revision').insert({ revision, content, source }).onConflict('revision').ignore()
}

/** The history only: the feed's `policy` of the same transaction brings it into force. */
export async function activateRevision(db: Knex, revision: string, actor: string): Promise<void> {
  await lockActivations(db)
  await db('policy_activation').insert({ revision, actor })
}

/** Answers for the whole transaction: nobody else activates before it ends, so many replicas starting at once activate once. */
export async function findActiveRevisionName(db: Knex): Promise<string | undefined> {
  await lockActivations(db)
  const row: { readonly policy_revision: string | null } | undefined = await db('access_head').first('policy_revision')
  return row?.policy_revision ?? undefined
}

/** One transaction at a time activates: ids follow the order of the commits, and nothing comes between a look and an activation. Readers are not held up. */
async function lockActivations(db: Knex): Promise<void> {
  await db.raw('lock table policy_activation in share row exclusive mode')
}

function toRecord(row: Row): RevisionRecord {
  return { revision: row.revision, createdAtMs: msOf(row.created_at), source: row.source, activatedAtMs: msOrNullOf(row.activated_at) }
}
