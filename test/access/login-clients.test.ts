/** Applications that several administrators register at once. On PostgreSQL: only there do two changes run beside each other. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { putLoginClient } from '../../src/access/login-clients.ts'
import { bundleOf, type House, openHouse } from '../support/house.ts'
import { openPostgresStore } from '../support/stores.ts'

let postgres: Awaited<ReturnType<typeof openPostgresStore>>
let house: House
beforeAll(async () => {
  postgres = await openPostgresStore()
  house = await openHouse(bundleOf({ coder: ['stay.read'] }), postgres.database)
})
afterAll(async () => {
  await house.close()
  await postgres.close()
})

const put = (id: string, name: string) => putLoginClient(house, house.context, { id, name, redirectUris: ['https://app.example/in'] })

describe('an application', () => {
  it('that is registered twice at the same moment is registered once, and the other one finds it', async () => {
    for (let round = 0; round < 10; round++) {
      const id = randomUUID()
      const [one, other] = await Promise.all([put(id, 'Ward plan'), put(id, 'Ward plan')])
      expect([one.changed, other.changed].sort()).toEqual([false, true])
      expect(one.record).toEqual(other.record)
    }
  })

  it('that two register differently at the same moment is as the later one says, and both have their audit row', async () => {
    for (let round = 0; round < 10; round++) {
      const id = randomUUID()
      const both = await Promise.all([put(id, 'one'), put(id, 'other')])
      const [earlier, later] = both.sort((a, b) => a.position - b.position)
      expect(await house.store.identity.findClient(id)).toEqual(later?.record)
      const { items } = await house.store.records.listAudit({ action: 'client.put' }, null, { pageSize: 100 })
      const rows = items.filter((row) => row.target === id)
      expect(rows).toMatchObject([{ before: earlier?.record, after: later?.record }, { before: null }])
    }
  })
})
