/** Records as decision logs of Open Policy Agent, for collectors of those (https://www.openpolicyagent.org/docs/management-decision-logs). Floor 5. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { DecisionRecord } from '../../model/decision-record.ts'
import { recordIn } from './entry.ts'
import { type PostNeeds, post } from './post.ts'
import type { DecisionSink } from './sink.ts'

export interface OpaSinkNeeds extends PostNeeds {
  readonly replica: string
  readonly version: string
  /** Paths of the mask, as a record has them. */
  readonly masked: readonly string[]
}

const compress = promisify(gzip)

export function openOpaSink({ url, headers, replica, version, masked }: OpaSinkNeeds): DecisionSink {
  const sent = { ...headers, 'content-type': 'application/json', 'content-encoding': 'gzip' }
  const labels = { id: replica, version, app: 'castellan' }
  const pointers = pointersOf(masked)
  return {
    name: 'opa',
    async write(batch, signal) {
      const events = batch.map((entry) => eventOf(recordIn(entry), labels, pointers))
      await post({ url, headers: sent }, await compress(JSON.stringify(events)), signal)
      return 0
    },
    close: async () => undefined,
  }
}

function eventOf(record: DecisionRecord, labels: object, masked: readonly string[]): object {
  const { user, tenant, permission, code, resource, permissions } = record
  return {
    labels,
    decision_id: record.id,
    ...(record.trace === undefined ? {} : { trace_id: record.trace, span_id: record.span }),
    bundles: { castellan: { revision: record.policyRevision } },
    path: 'castellan/check',
    // Absent members are left out by JSON itself.
    input: { user, tenant, permission, code, permissions: permissions?.map((one) => one.permission), resource },
    result: {
      allowed: record.allowed,
      reason: record.reason,
      via: record.via,
      assignments: record.assignments,
      roles: record.roles,
      permissions,
    },
    requested_by: record.caller.id,
    timestamp: record.at,
    metrics: { timer_server_handler_ns: Math.round(record.durationMs * 1_000_000) },
    ...(masked.length === 0 ? {} : { masked }),
  }
}

/** Where an event has what a path of a record names; the others are not in it, or not by that name. */
function pointersOf(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    const [root = '', ...rest] = path.split('.')
    if (root === 'user' || root === 'resource') return `/${['input', root, ...rest].join('/')}`
    return root === 'assignments' ? '/result/assignments' : []
  })
}
