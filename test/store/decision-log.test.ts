/** The decision log in the database, on both kinds: rows once, a partition a day, old days dropped whole, any number of writers. */
import { beforeEach, expect, it } from '@jest/globals'
import { entryOf, type LogEntry, recordIn } from '../../src/decision/log/entry.ts'
import { openPostgresSink } from '../../src/decision/log/postgres-sink.ts'
import { RefusedError } from '../../src/decision/log/sink.ts'
import { openLog } from '../../src/ground/log.ts'
import type { DecisionRecord } from '../../src/model/decision-record.ts'
import { DECISION_PARTITIONS_LOOK_MS, DECISION_TERMS_MS, DECISION_TERMS_RETRY_MS } from '../../src/model/observation-limits.ts'
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
  return entryOf(record, true)
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
      sample: 0.25,
      clock,
      log: openLog('silent'),
    }),
  })

  beforeEach(async () => {
    for (const name of await partitions()) await current().database.knex.raw(`drop table ${name}`)
    await current().database.knex.raw('truncate decision_log_loss, decision_log_terms, decision_use')
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
    } = recordIn(entry('d-3', `${today(0)}T00:00:00.002Z`))
    const nobody = entryOf(bare, true)
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
      { record: recordIn(deny), dated: true },
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
      `insert into decision_log_loss (at, replica, lost) values (now() - interval '369 days', 'r', 1), (now() - interval '367 days', 'r', 2)`,
    )
    await current().database.knex.raw(
      `insert into decision_use (role, tenant_id, permission, day, uses, last_used)
        select 'r', '', 'p', now() - days * interval '1 day', days, now() from (values (367), (370)) old(days)`,
    )
    await current().database.knex.raw(
      `insert into decision_log_terms (at, replica, sampled) values (now() - interval '369 days', 'r', 0.5), (now() - interval '367 days', 'r', 0.6)`,
    )
    await sink.write([entry('d', `${today(0)}T00:00:00.000Z`)], NEVER)
    expect((await rows('select id from decision_log order by at')).map(({ id }) => id)).toEqual(['d-2', 'd-1', 'd', 'd0'])
    expect(await partitions()).toEqual([named(-2), named(-1), named(0), named(1)])
    expect(await rows('select lost from decision_log_loss')).toEqual([{ lost: 2 }])
    expect(await rows('select uses from decision_use')).toEqual([{ uses: 367 }])
    expect(await rows('select min(sampled) as sampled from decision_log_terms')).toEqual([{ sampled: 0.25 }])
    expect(await rows(`select from decision_log_terms where sampled = 0.5`)).toEqual([])
  })

  it('counts what roles allowed once, however often a batch comes and whoever else writes', async () => {
    const [one, two] = [open().sink, open().sink]
    const at = (minute: number) => `${today(0)}T0${minute}:00:00.000Z`
    const allowed = { via: ['clerk', 'reader'], roles: ['clerk', 'reader', 'boss'] }
    const {
      permission: _,
      reason: _reason,
      ...many
    } = recordIn(entry('d-4', at(4), { method: 'CheckPermissions', via: ['clerk'], allowed: false }))
    const several: DecisionRecord = {
      ...many,
      permissions: [
        { permission: 'quote.read', allowed: true },
        { permission: 'quote.send', allowed: true },
        { permission: 'quote.drop', allowed: false },
      ],
    }
    const { tenant: _tenant, ...nowhere } = recordIn(entry('d-6', at(6), { via: ['reader'] }))
    const batch = [
      entry('d-1', at(1), allowed),
      entry('d-2', at(2), { ...allowed, tenant: 'south' }),
      entry('d-3', at(3), { allowed: false, reason: 'CONDITION_FAILED' }),
      entryOf(several, true),
      entry('d-5', `${today(-1)}T23:59:59.999Z`, { via: ['reader'] }),
      entryOf(nowhere, true),
    ]
    await one.write(batch, NEVER)
    await Promise.all([one.write(batch, NEVER), two.write(batch.slice(2).reverse(), NEVER)])
    const counted = await rows<{ day: string }>(
      `select role, tenant_id as tenant, permission, day::text as day, uses, last_used = :at::timestamptz as at_four from decision_use
        order by role, tenant_id, permission, day`.replace(':at', `'${at(4)}'`),
    )
    const row = (role: string, tenant: string, permission: string, uses: number, at_four: boolean, day = today(0)) => ({
      ...{ role, tenant, permission, day, uses, at_four },
    })
    // Without a tenant: of all of them, and of none.
    expect(counted).toEqual([
      row('clerk', '', 'quote.read', 3, true),
      row('clerk', '', 'quote.send', 1, true),
      row('clerk', 'acme', 'quote.read', 2, true),
      row('clerk', 'acme', 'quote.send', 1, true),
      row('clerk', 'south', 'quote.read', 1, false),
      row('reader', '', 'quote.read', 1, false, today(-1)),
      row('reader', '', 'quote.read', 3, false),
      row('reader', 'acme', 'quote.read', 1, false, today(-1)),
      row('reader', 'acme', 'quote.read', 1, false),
      row('reader', 'south', 'quote.read', 1, false),
    ])
    expect(
      await rows(
        `select to_char(last_used at time zone 'utc', 'HH24') as hour from decision_use where role = 'reader' and tenant_id = '' and day = '${today(0)}'`,
      ),
    ).toEqual([{ hour: '06' }])
  })

  it('tells on what terms it keeps records from its start on and through every day, though nothing is written', async () => {
    const { sink, clock } = open()
    await clock.pass(3 * DECISION_TERMS_MS)
    for (let told = 0; told < 4; ) {
      await clock.pass(0)
      told = (await rows(`select from decision_log_terms where replica = 'replica-1' and sampled = 0.25`)).length
      if (told < 4) await clock.pass(DECISION_TERMS_MS)
    }
    await sink.close()
    expect(clock.waiting).toBe(0)
    expect(DECISION_TERMS_MS).toBeLessThan(DAY_MS)
  })

  it('tells its terms soon when the database was away at its start', async () => {
    const clock = new ClockOfToday()
    const writer = openDecisionLogWriter(current().database)
    let attempts = 0
    const sink = openPostgresSink({
      writer: {
        ...writer,
        insertTerms: async (...terms) => {
          attempts += 1
          if (attempts === 1) throw new Error('away')
          await writer.insertTerms(...terms)
        },
      },
      ...{ replica: 'replica-9', days: 1, sample: 0.5, clock, log: openLog('silent') },
    })
    await clock.pass(DECISION_TERMS_RETRY_MS)
    await sink.close()
    expect(await rows('select replica, sampled from decision_log_terms')).toEqual([{ replica: 'replica-9', sampled: 0.5 }])
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

    it('counts the same things for many replicas at once: none of them waits for another in a circle', async () => {
      const roles = Array.from({ length: 60 }, (_, index) => `role-${index}`)
      const replicas = Array.from({ length: 6 }, () => open())
      await replicas[0]?.sink.write([entry('first', `${today(0)}T12:00:00.000Z`)], NEVER)
      const writes = replicas.flatMap(({ sink }, replica) =>
        [1, 2, 3, 4].map((batch) =>
          sink.write(
            roles.map((role, index) => entry(`r${replica}-${batch}-${index}`, `${today(0)}T12:00:00.000Z`, { via: [role] })),
            NEVER,
          ),
        ),
      )
      await Promise.all(writes)
      expect(await rows(`select distinct uses from decision_use`)).toEqual([{ uses: 24 }])
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
