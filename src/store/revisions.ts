/** Policy revisions, immutable, and the history of their activations; the feed's head names the one in force. Reads no policy. Floor 2. */
import type { Knex } from 'knex'
import type { PageInput } from '../model/administration.ts'
import type { ActivationRecord, RevisionOrigin } from '../model/policy-release.ts'
import type { Page, RevisionRecord } from '../model/records.ts'
import { decodeNumberPageToken, decodePageToken, readPage } from './page.ts'
import { msOf, msOrNullOf, timestampOf } from './value-types.ts'

interface Row {
  readonly revision: string
  readonly created_at: Date
  readonly source: string
  readonly author: string | null
  readonly message: string | null
  readonly source_commit: string | null
  readonly published_by: string | null
  readonly activated_at: Date | null
}

interface ActivationRow {
  readonly id: number
  readonly revision: string
  readonly activated_at: Date
  readonly actor: string
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
      const query = selectRecords(db).limit(limit)
      const rows: readonly Row[] = await (after === undefined ? query : query.where('revision', '>', after))
      return rows.map(toRecord)
    },
  )
}

export async function findRevisionRecord(db: Knex, revision: string): Promise<RevisionRecord | undefined> {
  const [row]: Row[] = await selectRecords(db).where({ revision })
  return row === undefined ? undefined : toRecord(row)
}

/** At most two: enough to know that the prefix does not say which. @param prefix hexadecimal digits: nothing in it means anything to LIKE */
export async function findRevisionsByPrefix(db: Knex, prefix: string): Promise<readonly RevisionRecord[]> {
  if (!/^[0-9a-f]+$/.test(prefix)) return []
  const rows: readonly Row[] = await selectRecords(db).where('revision', 'like', `${prefix}%`).limit(2)
  return rows.map(toRecord)
}

function selectRecords(db: Knex) {
  const activatedAt = db('policy_activation').max('activated_at').whereRaw('policy_activation.revision = policy_revision.revision')
  return db('policy_revision')
    .select(...['revision', 'created_at', 'source', 'author', 'message', 'source_commit', 'published_by'], activatedAt.as('activated_at'))
    .orderBy('revision')
}

/** @returns whether it was not there before */
export async function insertRevision(
  db: Knex,
  revision: string,
  content: string,
  source: string,
  origin?: RevisionOrigin & { readonly publishedBy: string },
): Promise<boolean> {
  const { author = null, message = null, sourceCommit = null, publishedBy = null } = origin ?? {}
  const inserted: readonly unknown[] = await db('policy_revision')
    .insert({ revision, content, source, author, message, source_commit: sourceCommit, published_by: publishedBy })
    .onConflict('revision')
    .ignore()
    .returning('revision')
  return inserted.length > 0
}

/** Newest first. */
export async function listActivations(db: Knex, page: PageInput): Promise<Page<ActivationRecord>> {
  const before = decodeNumberPageToken(page.pageToken)
  return await readPage(
    page,
    (record) => String(record.id),
    async (limit) => {
      const query = db<ActivationRow>('policy_activation')
        .select('id', 'revision', 'activated_at', 'actor')
        .orderBy('id', 'desc')
        .limit(limit)
      const rows = (await (before === undefined ? query : query.where('id', '<', before))) as readonly ActivationRow[]
      return rows.map(({ id, revision, activated_at, actor }) => ({ id, revision, activatedAtMs: msOf(activated_at), actor }))
    },
  )
}

export async function wasActive(db: Knex, revision: string): Promise<boolean> {
  return (await db('policy_activation').where({ revision }).first('id')) !== undefined
}

/**
 * What was in force before the present one took force first. A rollback names the activation that it restored, so that going back once more
 * begins there: it never leads forth again to what somebody went back from.
 */
export async function findPrevious(db: Knex): Promise<{ readonly revision: string; readonly activation: number } | undefined> {
  await lockActivations(db)
  const answer: { rows: readonly { readonly revision: string; readonly activation: number }[] } = await db.raw(`
    with latest as (select coalesce(done.restores, done.id) as began from policy_activation done order by done.id desc limit 1)
    select before.revision, coalesce(before.restores, before.id) as activation
    from policy_activation before, policy_activation present
    where present.id = (select began from latest) and before.id < present.id and before.revision <> present.revision
    order by before.id desc limit 1`)
  return answer.rows[0]
}

export async function listUnindexedRevisions(db: Knex): Promise<readonly string[]> {
  const rows: readonly { readonly revision: string }[] = await db('policy_activation').where({ indexed: false }).distinct('revision')
  return rows.map((row) => row.revision)
}

export async function markIndexed(db: Knex): Promise<void> {
  await lockActivations(db)
  await db('policy_activation').where({ indexed: false }).update({ indexed: true })
}

/** The schedule and the folder act in the name of the system. */
export async function wasActivatedSince(db: Knex, ms: number): Promise<boolean> {
  const row = await db('policy_activation').where('activated_at', '>', timestampOf(ms)).whereNot({ actor: 'system' }).first('id')
  return row !== undefined
}

/** The history only: the feed's `policy` of the same transaction brings it into force. */
export async function activateRevision(db: Knex, revision: string, actor: string, restores?: number): Promise<void> {
  await lockActivations(db)
  await db('policy_activation').insert({ revision, actor, restores: restores ?? null })
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
  return {
    revision: row.revision,
    createdAtMs: msOf(row.created_at),
    source: row.source,
    author: row.author,
    message: row.message,
    sourceCommit: row.source_commit,
    publishedBy: row.published_by,
    activatedAtMs: msOrNullOf(row.activated_at),
  }
}
