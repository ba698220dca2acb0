/** Policy revisions, immutable, and their activations; the last activation names the revision in force. Reads no policy. Floor 2. */
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

export async function findActiveRevision(db: Knex): Promise<{ readonly revision: string; readonly content: string } | undefined> {
  return await db('policy_activation')
    .join('policy_revision', 'policy_revision.revision', 'policy_activation.revision')
    .orderBy('policy_activation.id', 'desc')
    .first('policy_revision.revision', 'policy_revision.content')
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

export async function activateRevision(db: Knex, revision: string, actor: string): Promise<void> {
  await lockActivations(db)
  await db('policy_activation').insert({ revision, actor })
}

/** Answers for the whole transaction: nobody else activates before it ends, so many replicas starting at once activate once. */
export async function findActiveRevisionName(db: Knex): Promise<string | undefined> {
  await lockActivations(db)
  const row: { readonly revision: string } | undefined = await db('policy_activation').orderBy('id', 'desc').first('revision')
  return row?.revision
}

/** Ids of activations follow the order of their commits only if one transaction at a time writes them. Readers are not held up. */
async function lockActivations(db: Knex): Promise<void> {
  await db.raw('lock table policy_activation in share row exclusive mode')
}

function toRecord(row: Row): RevisionRecord {
  return { revision: row.revision, createdAtMs: msOf(row.created_at), source: row.source, activatedAtMs: msOrNullOf(row.activated_at) }
}
