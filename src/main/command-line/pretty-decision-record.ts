/** A recorded decision for a terminal: on one line, or in full. Floor 6. */
import { names, prettyDecision, prettyTable, record, records, text } from './pretty.ts'
import type { Json } from './service-client.ts'
import { columns, paint, plain, type Terminal } from './terminal.ts'

/** Names of a CheckPermissions that one line shows. */
const NAMES_SHOWN = 3

/** When, outcome and reason, who, where, what, by which roles, which service asked, and the id to explain it by. */
export function prettyRecordLine(terminal: Terminal, one: Json): string {
  const word = one['allowed'] === true ? paint(terminal, 'green', 'allow') : paint(terminal, 'red', 'deny ')
  const via = names(one, 'via')
  const parts = [
    `${text(one, 'at')}  ${word}  ${text(one, 'reason').padEnd(REASON_WIDTH)}`,
    text(one, 'user') || 'nobody',
    text(one, 'tenant') || 'no tenant',
    asked(one),
    via === '' ? '' : `via ${via}`,
    `by ${text(record(one, 'caller'), 'name')}`,
    paint(terminal, 'dim', text(one, 'id')),
  ]
  return `${parts.filter((part) => part !== '').join('  ')}\n`
}
const REASON_WIDTH = 'ROLE_LACKS_PERMISSION'.length

/** Who asked, what, what came of it, and from what. */
export function prettyRecord(terminal: Terminal, one: Json): string {
  const [caller, resource] = [record(one, 'caller'), record(one, 'resource')]
  const code = text(one, 'code')
  const share = Number(one['sampled'] ?? 1)
  const rows: readonly (readonly [string, string])[] = [
    ['when:', text(one, 'at')],
    ['user:', text(one, 'user') || 'nobody: the token proved none'],
    ['tenant:', text(one, 'tenant') || 'none'],
    ['permission:', `${text(one, 'permission')}${code === '' ? '' : ` (${code})`}`],
    ['resource:', Object.keys(resource).length === 0 ? '' : plain(JSON.stringify(resource))],
    [
      'asked by:',
      `${text(caller, 'name')} (${text(caller, 'id')}), ${text(one, 'method')} over ${text(one, 'wire')}, request ${text(one, 'requestId')}`,
    ],
    ['roles:', names(one, 'roles') || 'none in force'],
    ['decided by:', names(one, 'assignments') === '' ? '' : `assignment ${names(one, 'assignments')}`],
    ['policy:', text(one, 'policyRevision')],
    ['position:', text(one, 'position')],
    ['found in:', text(one, 'level') || 'nothing was looked up'],
    ['took:', `${text(one, 'durationMs')} ms, on replica ${text(one, 'replica')}`],
    ['trace:', text(one, 'trace')],
    ['kept:', share < 1 ? `a share of ${share} of such decisions` : ''],
  ]
  const several = records(one, 'permissions')
  return [
    prettyDecision(terminal, one),
    columns(rows.filter(([, value]) => value !== '')),
    several.length === 0
      ? ''
      : prettyTable(one, 'permissions', ['PERMISSION', 'CODE', 'ANSWER'], (name) => [
          text(name, 'permission'),
          text(name, 'code'),
          name['allowed'] === true ? 'allow' : 'deny',
        ]),
  ].join('')
}

function asked(one: Json): string {
  const permission = text(one, 'permission')
  if (permission !== '') return permission
  const several = records(one, 'permissions')
  const denied = several.filter(({ allowed }) => allowed !== true).map((name) => plain(String(name['permission'])))
  const shown = `${denied.slice(0, NAMES_SHOWN).join(', ')}${denied.length > NAMES_SHOWN ? ` and ${denied.length - NAMES_SHOWN} more` : ''}`
  return `${several.length} permissions${denied.length === 0 ? '' : `, denied: ${shown}`}`
}
