/** Audit records as they are counted. */
import { expect, it } from '@jest/globals'
import { openMetrics } from '../../src/ground/metrics.ts'
import { addDatabaseMetrics, countingAudit } from '../../src/main/database-metrics.ts'
import type { AuditRecord } from '../../src/model/records.ts'
import type { Store } from '../../src/store/ports.ts'
import { bundleOf, openHouse } from '../support/house.ts'

const RECORD: Omit<AuditRecord, 'id' | 'atMs'> = {
  ...{
    action: 'tenant.put',
    result: 'applied',
    actor: 'test',
    actorName: 'test',
    tenant: null,
    user: null,
    target: null,
    reason: 'test',
  },
  ...{ before: null, after: null, position: null, requestId: null },
}

it('an audit record is counted when it is committed, once, and one that was rolled back is not', async () => {
  const house = await openHouse(bundleOf({ reader: ['desk.open'] }))
  try {
    const metrics = openMetrics()
    const store = countingAudit(house.store, metrics)
    addDatabaseMetrics(metrics, house.database)
    const counted = async () => /^castellan_audit_records_total (\d+)$/m.exec((await metrics.text()).body)?.[1]
    expect(await counted()).toBe('0')
    await store.change(async (change) => {
      await change.appendAudit(RECORD)
      await change.appendAudit(RECORD)
    })
    expect(await counted()).toBe('2')
    await expect(
      store.change(async (change) => {
        await change.appendAudit(RECORD)
        throw new Error('rolled back')
      }),
    ).rejects.toThrow('rolled back')
    expect(await counted()).toBe('2')
    // As a change that PostgreSQL chose as its victim is made again.
    const tryingAgain: Store = {
      ...house.store,
      change: async (work) => {
        const victim = house.store.change(async (change) => {
          await work(change)
          throw new Error('victim')
        })
        await expect(victim).rejects.toThrow('victim')
        return await house.store.change(work)
      },
    }
    const others = openMetrics()
    await countingAudit(tryingAgain, others).change((change) => change.appendAudit(RECORD))
    expect((await others.text()).body).toMatch(/^castellan_audit_records_total 1$/m)
    expect((await metrics.text()).body).toMatch(/^castellan_database_connections\{state="used"\} \d+$/m)
  } finally {
    await house.close()
  }
})
