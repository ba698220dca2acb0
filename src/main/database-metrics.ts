/** Counts what goes to the database, for dashboards: connections of the pool, and audit records. Floor 6. */
import type { Metrics } from '../ground/metrics.ts'
import type { Database } from '../store/database.ts'
import type { ChangeTransaction, Store } from '../store/ports.ts'

export function addDatabaseMetrics(metrics: Metrics, database: Pick<Database, 'connections'>): void {
  metrics.gauge('castellan_database_connections', 'Connections of the pool to the database, by state', ['state'], (gauge) => {
    const { used, free } = database.connections()
    gauge.set({ state: 'used' }, used)
    gauge.set({ state: 'free' }, free)
  })
  metrics.gauge('castellan_database_waiting', 'Requests for a connection of the pool that have none yet', [], (gauge) => {
    gauge.set(database.connections().waiting)
  })
}

/** The same store, whose audit records are counted once they are committed. */
export function countingAudit(store: Store, metrics: Metrics): Store {
  let written = 0
  metrics.counter('castellan_audit_records_total', 'Audit records that this process has committed', [], (set) => set({}, written))
  return {
    ...store,
    async change(work) {
      let appended = 0
      const result = await store.change((transaction) => {
        // A change that was rolled back is made anew.
        appended = 0
        return work(counting(transaction, () => appended++))
      })
      written += appended
      return result
    },
  }
}

function counting(transaction: ChangeTransaction, appended: () => void): ChangeTransaction {
  return {
    ...transaction,
    async appendAudit(record) {
      await transaction.appendAudit(record)
      appended()
    },
  }
}
