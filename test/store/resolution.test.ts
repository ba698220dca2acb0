/** What a resolution gives, whichever of its two statements answers: few assignments, many, and more over than are read. */
import { randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import { EXPIRED_ASSIGNMENTS_READ_MAX } from '../../src/model/limits.ts'
import { describeEachStore } from '../support/stores.ts'

const DAY_MS = 86_400_000

describeEachStore('a resolution', (current) => {
  it.each([0, 1, EXPIRED_ASSIGNMENTS_READ_MAX - 1, EXPIRED_ASSIGNMENTS_READ_MAX, EXPIRED_ASSIGNMENTS_READ_MAX + 5])(
    'gives all of %d assignments in force, to come and without end, by id',
    async (count) => {
      const [tenant, user] = [randomUUID(), randomUUID()]
      const given = await grant(tenant, user, (nowMs) =>
        Array.from({ length: count }, (_, index) => ({
          validFromMs: nowMs + (index % 3 === 0 ? DAY_MS : -DAY_MS),
          expiresAtMs: index % 2 === 0 ? null : nowMs + 2 * DAY_MS + index,
        })),
      )
      const state = await current().store.access.resolve(tenant, user)
      expect(state).toMatchObject({ tenant: { suspended: false, attributes: {} }, user: { deactivated: false, epoch: 0 } })
      expect(state.assignments).toEqual(byId(given))
    },
  )

  it('gives all that are not over and the latest that are, however many are', async () => {
    const [tenant, user] = [randomUUID(), randomUUID()]
    const given = await grant(tenant, user, (nowMs) => [
      ...Array.from({ length: EXPIRED_ASSIGNMENTS_READ_MAX + 7 }, (_, index) => ({
        validFromMs: nowMs - 90 * DAY_MS,
        expiresAtMs: nowMs - (1 + index) * DAY_MS,
      })),
      { validFromMs: nowMs - DAY_MS, expiresAtMs: null },
      { validFromMs: nowMs - DAY_MS, expiresAtMs: nowMs + DAY_MS },
    ])
    const state = await current().store.access.resolve(tenant, user)
    expect(state.assignments).toEqual(byId([...given.slice(0, EXPIRED_ASSIGNMENTS_READ_MAX), ...given.slice(-2)]))
  })

  it('gives what one tenant gave, and nothing for a pair that nobody knows', async () => {
    const [tenant, user] = [randomUUID(), randomUUID()]
    await grant(tenant, user, (nowMs) => [{ validFromMs: nowMs - DAY_MS, expiresAtMs: null }])
    expect(await current().store.access.resolve(randomUUID(), user)).toMatchObject({
      tenant: undefined,
      user: { epoch: 0 },
      assignments: [],
    })
    expect(await current().store.access.resolve(tenant, randomUUID())).toMatchObject({ user: undefined, assignments: [] })
  })

  it('is in the order of bytes, as both statements have it, whatever characters ids have', async () => {
    const [tenant, user] = [randomUUID(), randomUUID()]
    await grant(tenant, user, () => [])
    const ids = ['b', 'a', 'aa', 'Z', 'é', '\u{10000}', '\uffee', '\u{1f600}', '~', '\ud7ff'].map((id) => `${id} ${user}`)
    const { knex } = current().database
    await knex('role_assignment').insert(
      ids.map((id) => ({ id, user_id: user, tenant_id: tenant, role: 'clerk', valid_from: '2026-01-01T00:00:00Z', created_by: 'x' })),
    )
    const { assignments } = await current().store.access.resolve(tenant, user)
    const inBytes = [...ids].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    expect(assignments.map(({ id }) => id)).toEqual(inBytes)
    expect(await knex('role_assignment').where({ user_id: user }).orderBy('id').pluck('id')).toEqual(inBytes)
  })

  interface Held {
    readonly id: string
    readonly role: string
    readonly validFromMs: number
    readonly expiresAtMs: number | null
  }

  async function grant(
    tenant: string,
    user: string,
    windowsAt: (nowMs: number) => readonly Pick<Held, 'validFromMs' | 'expiresAtMs'>[],
  ): Promise<readonly Held[]> {
    return await current().store.change(async (change) => {
      await change.ensureTenant(tenant)
      await change.ensureUser(user)
      const given = windowsAt(await change.nowMs()).map((window, index) => ({ id: randomUUID(), role: `role-${index}`, ...window }))
      for (const held of given) await change.insertAssignment({ ...held, tenant, user, reason: null, createdBy: 'test' })
      return given
    })
  }
})

function byId<Held extends { readonly id: string }>(held: readonly Held[]): readonly Held[] {
  return held.toSorted((one, other) => (one.id < other.id ? -1 : 1))
}
