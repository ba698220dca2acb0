/** The time of a reading, on real PostgreSQL: never before the commit of anything that was read, however close the two are. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { RESOLVE_SQL } from '../../src/store/resolution.ts'
import { openPostgresStore } from '../support/stores.ts'

let opened: Awaited<ReturnType<typeof openPostgresStore>>

beforeAll(async () => {
  opened = await openPostgresStore(25)
})
afterAll(async () => {
  await opened.close()
})

/** In force from the moment of its writing. */
async function grant(tenant: string, user: string): Promise<number> {
  return await opened.store.change(async (change) => {
    await change.ensureTenant(tenant)
    await change.ensureUser(user)
    const validFromMs = await change.nowMs()
    const row = { id: randomUUID(), tenant, user, role: 'r', validFromMs, expiresAtMs: null, reason: null, createdBy: 'test' }
    await change.insertAssignment(row)
    await change.appendFeed([{ kind: 'assignment', tenant, user }])
    return validFromMs
  })
}

describe('the time of a resolution', () => {
  it('is taken after its snapshot, not at the start of the statement or transaction', async () => {
    const user = randomUUID()
    // Begins before the grant and reads after it: what a statement does that waits between its start and its snapshot.
    const [row, validFromMs] = await opened.database.knex.transaction(async (transaction) => {
      await transaction.raw('select now()')
      const fromMs = await grant('t', user)
      const answer: { rows: { read_at_ms: number; assignments: unknown[] }[] } = await transaction.raw(
        RESOLVE_SQL.replaceAll('$1', ':tenant').replaceAll('$2', ':user'),
        { tenant: 't', user },
      )
      return [answer.rows[0], fromMs]
    })
    expect(row?.assignments).toHaveLength(1)
    expect(row?.read_at_ms).toBeGreaterThanOrEqual(validFromMs)
  })

  it('is never before the beginning of a grant that it sees, beside 4 who grant and 4 who ask', async () => {
    // A tenant each: they are to meet at the feed, not to wait for one another's rows.
    const users = Array.from({ length: 4 }, () => randomUUID())
    let granting = users.length
    let seen = 0
    await Promise.all([
      ...users.map(async (user) => {
        for (let round = 0; round < 15; round++) await grant(user, user)
        granting -= 1
      }),
      ...users.map(async (user) => {
        while (granting > 0) {
          const state = await opened.store.access.resolve(user, user)
          for (const { validFromMs } of state.assignments) expect(state.readAtMs).toBeGreaterThanOrEqual(validFromMs)
          seen += state.assignments.length
        }
      }),
    ])
    expect(seen).toBeGreaterThan(0)
  })
})
