/**
 * 0011: the scope `replicate`, of callers that decide by themselves. Backwards-compatible: older processes have no method that asks for it, and
 * show it as they show the others.
 */
import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  // The name is PostgreSQL's own, for a check that 0005 wrote behind its column.
  await db.raw(`alter table caller
    drop constraint caller_scopes_check,
    add constraint caller_scopes_check check (
      scopes <@ array['decide', 'administer', 'publish', 'audit', 'replicate'] and array_position(scopes, null) is null
    )`)
}
