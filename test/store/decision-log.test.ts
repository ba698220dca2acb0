/** The decision log in the database, on both kinds: rows once, a partition a day, old days dropped whole, any number of writers. */
import { beforeEach, expect, it } from '@jest/globals'
import { openPostgresSink } from '../../src/decision/log/postgres-sink.ts'
import { type LogEntry, RefusedError } from '../../src/decision/log/sink.ts'
import { openLog } from '../../src/ground/log.ts'
import type { DecisionRecord } from '../../src/model/decision-record.ts'
import { DECISION_PARTITIONS_LOOK_MS } from '../../src/model/observation-limits.ts'
import { openDecisionLogWriter } from '../../src/store/decision-log.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { describeEachStore } from '../support/stores.ts'

const DAY_MS = 86_400_000
const NEVER = new AbortController().signal
const today = (offset: number) => new Date(Date.now() + offset * DAY_MS).toISOString().slice(0, 10)

function entry(id: string, at: string, change: Partial<DecisionRecord> = {}): LogEntry {
  const record: DecisionRecord = {
    ...{ type: 'decision', id, at, replica: 'replica-1', method: 'Check', wire: 'grpc', requestId: 'r' },
    caller: { id: 'caller-1', name: 'billing' },
    ...{ user: 'ann', tenant: 'acme', permission: 'quote.read', allowed: true, reason: 'ROLE', via: [], assignments: [], roles: [] },
    ...{ policyRevision: 'f', position: 1, durationMs: 1, sampled: 1 },
    ...change,
  }
  const line = JSON.stringify(record)
  return { record, line, bytes: line.length }
}

/** Stands at the machine's time, which the database's is too. */
class ClockOfToday extends ManualClock {
  override nowMs(): number {
    return Date.now() + super.nowMs() - 1_000_000
  }
}

describeEachStore('the decision log', (current, kind) => {
  const rows = async <R = { id: string }>(sql: string) => ((await current().database.knex.raw(sql)) as { rows: R[] }).rows
  const partitions = async () =>
    (
      await rows<{ name: string }>(
        `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'decision_log'::regclass order by 1`,
      )
    ).map(({ name }) => name)
  const named = (offset: number) => `decision_log_${today(offset).replaceAll('-', '')}`
  const open = (days = 30, clock = new ClockOfToday()) => ({
    clock,
    sink: openPostgresSink({
      writer: openDecisionLogWriter(current().database),
      replica: 'replica-1',
      days,
      clock,
      log: openLog('silent'),
    }),
  })

  beforeEach(async () => {
    for (const name of await partitions()) await current().database.knex.raw(`drop table ${name}`)
    await current().database.knex.raw('truncate decision_log_loss')
  })

  it('has a row of each record with what it is searched by, and all of it', async () => {
    const { sink } = open()
    const deny = entry('d-2', `${today(0)}T00:00:00.001Z`, { allowed: false, reason: 'NO_ASSIGNMENT', tenant: 'south' })
    const {
      user: _user,
      tenant: _tenant,
      permission: _permission,
      reason: _reason,
      ...bare
    } = entry('d-3', `${today(0)}T00:00:00.002Z`).record
    const nobody = { record: bare, line: JSON.stringify(bare), bytes: 1 }
    expect(await sink.write([entry('d-1', `${today(0)}T00:00:00.000Z`), deny, nobody], NEVER)).toBe(0)
    expect(await rows('select id, tenant_id, user_id, caller_id, permission, allowed, reason from decision_log order by id')).toEqual([
      { id: 'd-1', tenant_id: 'acme', user_id: 'ann', caller_id: 'caller-1', permission: 'quote.read', allowed: true, reason: 'ROLE' },
      {
        id: 'd-2',
        tenant_id: 'south',
        user_id: 'ann',
        caller_id: 'caller-1',
        permission: 'quote.read',
        allowed: false,
        reason: 'NO_ASSIGNMENT',
      },
      { id: 'd-3', tenant_id: null, user_id: null, caller_id: 'caller-1', permission: null, allowed: true, reason: null },
    ])
    expect(await rows(`select record, at = (record->>'at')::timestamptz as dated from decision_log where id = 'd-2'`)).toEqual([
      { record: deny.record, dated: true },
    ])
  })

  it('takes a batch that comes twice, whole or in part, once', async () => {
    const { sink } = open()
    const [one, two, three] = ['d-1', 'd-2', 'd-3'].map((id) => entry(id, `${today(0)}T01:00:00.000Z`)) as [LogEntry, LogEntry, LogEntry]
    await sink.write([one, two], NEVER)
    await sink.write([two, three], NEVER)
    await sink.write([one, two], NEVER)
    expect((await rows('select id from decision_log order by id')).map(({ id }) => id)).toEqual(['d-1', 'd-2', 'd-3'])
  })

  it('has a partition for each day of a batch, and for tomorrow', async () => {
    const { sink } = open()
    await sink.write([entry('d-1', `${today(-1)}T23:59:59.999Z`), entry('d-2', `${today(0)}T00:00:00.000Z`)], NEVER)
    expect(await partitions()).toEqual([named(-1), named(0), named(1)])
    expect((await rows(`select tableoid::regclass::text as id from decision_log order by at`)).map(({ id }) => id)).toEqual([
      named(-1),
      named(0),
    ])
  })

  it('drops days that are over for longer than is kept, and no record that is younger', async () => {
    const { sink, clock } = open(2)
    const old = [-4, -3, -2, -1, 0].map((offset) => entry(`d${offset}`, `${today(offset)}T23:59:59.999Z`))
    await sink.write(old, NEVER)
    await clock.pass(DECISION_PARTITIONS_LOOK_MS)
    await current().database.knex.raw(
      `insert into decision_log_loss (at, replica, lost) values (now() - interval '3 days', 'r', 1), (now(), 'r', 2)`,
    )
    await sink.write([entry('d', `${today(0)}T00:00:00.000Z`)], NEVER)
    expect((await rows('select id from decision_log order by at')).map(({ id }) => id)).toEqual(['d-2', 'd-1', 'd', 'd0'])
    expect(await partitions()).toEqual([named(-2), named(-1), named(0), named(1)])
    expect(await rows('select lost from decision_log_loss')).toEqual([{ lost: 2 }])
  })

  it('writes on when somebody else dropped a day that it knows', async () => {
    const { sink } = open()
    const row = entry('d-1', `${today(0)}T00:00:00.000Z`)
    await sink.write([row], NEVER)
    await current().database.knex.raw(`drop table ${named(0)}`)
    await expect(sink.write([row], NEVER)).rejects.toThrow('partition')
    await sink.write([row], NEVER)
    expect(await rows('select id from decision_log')).toEqual([{ id: 'd-1' }])
  })

  it('refuses for good what no column takes, and keeps nothing of that batch', async () => {
    const { sink } = open()
    const broken = { ...entry('d-2', `${today(0)}T00:00:00.000Z`), line: '{"at":"2026-11-22T00:00:00Z","id":"\\u0000"}' }
    await expect(sink.write([entry('d-1', `${today(0)}T00:00:00.000Z`), broken], NEVER)).rejects.toBeInstanceOf(RefusedError)
    const noCaller = { ...broken, line: `{"at":"${today(0)}T00:00:00Z","id":"d-3","allowed":true}` }
    await expect(sink.write([noCaller], NEVER)).rejects.toBeInstanceOf(RefusedError)
    expect(await rows('select id from decision_log')).toEqual([])
  })

  it('owns up to what was lost', async () => {
    const { sink } = open()
    await sink.tellLost?.(12, NEVER)
    expect(await rows('select replica, lost from decision_log_loss')).toEqual([{ replica: 'replica-1', lost: 12 }])
  })

  if (kind === 'postgres') {
    it('makes each day once, however many replicas need it at once: none of them fails', async () => {
      const replicas = Array.from({ length: 8 }, () => open())
      await Promise.all(replicas.map(({ sink }, replica) => sink.write([entry(`r${replica}`, `${today(0)}T12:00:00.000Z`)], NEVER)))
      expect(await rows('select id from decision_log')).toHaveLength(8)
    })

    it('makes and drops days while many replicas do the same and others write', async () => {
      const replicas = Array.from({ length: 8 }, () => open(1))
      const writes = replicas.flatMap(({ sink }, replica) =>
        [-3, 0, -1].map(async (offset, index) => {
          const row = entry(`r${replica}-${index}`, `${today(offset)}T12:00:00.000Z`)
          for (let attempt = 0; attempt < 20; attempt += 1)
            try {
              await sink.write([row], NEVER)
              return
            } catch (fault) {
              // As a queue does: a day may be dropped between two statements.
              if (attempt === 19) throw fault
            }
        }),
      )
      await Promise.all(writes)
      const found = (await rows(`select id from decision_log where at >= now() - interval '1 day 13 hours' order by id`)).map(
        ({ id }) => id,
      )
      expect(found.filter((id) => id.endsWith('-1'))).toHaveLength(8)
      expect(await partitions()).toEqual(expect.arrayContaining([named(-1), named(0), named(1)]))
    })
  }
})
