/** A recorded decision on one line of a terminal. Floor 6. */
import { names, record, records, text } from './pretty.ts'
import type { Json } from './service-client.ts'
import { paint, plain, type Terminal } from './terminal.ts'

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

function asked(one: Json): string {
  const permission = text(one, 'permission')
  if (permission !== '') return permission
  const several = records(one, 'permissions')
  const denied = several.filter(({ allowed }) => allowed !== true).map((name) => plain(String(name['permission'])))
  const shown = `${denied.slice(0, NAMES_SHOWN).join(', ')}${denied.length > NAMES_SHOWN ? ` and ${denied.length - NAMES_SHOWN} more` : ''}`
  return `${several.length} permissions${denied.length === 0 ? '' : `, denied: ${shown}`}`
}
