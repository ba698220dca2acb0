/** A plan for a terminal: people as they come, then the sums. Every text from outside is made safe. Floor 6. */
import type { EffectKind, SubjectBreach, SubjectEffects } from '../../model/policy-plan.ts'
import { shortRevision } from '../command-line/pretty.ts'
import { type Colour, columns, paint, plain, type Terminal } from '../command-line/terminal.ts'
import type { Plan } from './read-plan.ts'
import { EFFECT_KINDS } from './read-plan.ts'
import { type ShortLine, shortDiff } from './short-diff.ts'
import { countsOf, effectInWords, firstOf, leftOutInWords, positionInWords, reachInWords, tokensInWords } from './words.ts'

/** What one screen holds of each list; -o json has all. */
const TENANTS_SHOWN = 20
const ROWS_SHOWN = 50
const DIFF_LINES_SHOWN = 60

const COLOURS: Readonly<Record<EffectKind, Colour>> = {
  gained: 'green',
  lost: 'red',
  widened: 'green',
  narrowed: 'red',
  changed: 'yellow',
}
const SIGN_COLOURS: Readonly<Record<ShortLine['sign'], Colour>> = { '+': 'green', '-': 'red', '~': 'yellow' }
const KIND_HEADERS = EFFECT_KINDS.map((kind) => kind.toUpperCase())

/** One line an effect, with all that names it: it can be searched and cut. */
export function prettyEffects(terminal: Terminal, items: readonly SubjectEffects[]): string {
  return items
    .flatMap(({ user, tenant, dormant, effects }) =>
      effects.map((effect) => {
        const kind = paint(terminal, COLOURS[effect.kind], effect.kind.padEnd(8))
        return `${kind}  ${plain(user)}  ${plain(tenant)}  ${plain(effectInWords(effect))}${dormant ? '  (closed now)' : ''}\n`
      }),
    )
    .join('')
}

export function prettyBreaches(terminal: Terminal, items: readonly SubjectBreach[]): string {
  return items
    .map(({ user, tenant, constraint, message, fromMs }) => {
      const from = fromMs === undefined ? '' : `  (from ${new Date(fromMs).toISOString()})`
      return `${paint(terminal, 'red', 'breaks  ')}  ${plain(user)}  ${plain(tenant)}  ${plain(constraint)}: ${plain(message)}${from}\n`
    })
    .join('')
}

export function prettyPlan(terminal: Terminal, { begin, summary }: Plan): string {
  const sections = [
    `${paint(terminal, 'bold', `plan: ${plain(shortRevision(begin.from))} → ${plain(shortRevision(begin.to))}`)}\n${prettyDiff(terminal, begin)}`,
    `${reachInWords(summary)}\n${summary.pairs === 0 ? '' : sums(summary)}`,
    table('ROLE', ['PAIRS'], summary.byRole, (row) => [row.role, String(row.pairs), ...countsOf(row)]),
    table(
      'TENANT',
      ['PAIRS'],
      summary.byTenant,
      (row) => [row.tenant, String(row.pairs), ...countsOf(row)],
      TENANTS_SHOWN,
      summary.tenantsLeftOut,
    ),
    table('PERMISSION', ['RISK'], summary.byPermission, (row) => [row.permission, row.risk, ...countsOf(row)]),
    pairs(
      terminal,
      'Would now break a constraint:',
      summary.breaches.map((row) => [row.constraint, row.pairs]),
    ),
    pairs(
      terminal,
      'Roles that are held and would be gone:',
      summary.rolesGone.map((row) => [row.role, row.pairs]),
    ),
    lines([tokensInWords(summary), positionInWords(summary)]),
  ]
  return sections.filter((section) => section !== '').join('\n')
}

/** @returns "no difference" in words when there is none */
export function prettyDiff(terminal: Terminal, begin: Pick<Plan['begin'], 'diff' | 'diffLeftOut'>): string {
  const all = shortDiff(begin.diff).flatMap(({ under, ...line }) => [
    { indent: '', ...line },
    ...under.map((one) => ({ indent: '    ', ...one })),
  ])
  const leftOut = lines([leftOutInWords(begin)].filter((text) => text !== undefined))
  if (all.length === 0 && leftOut === '') return 'The two policies mean the same.\n'
  const { shown, more } = firstOf(all, DIFF_LINES_SHOWN)
  const text = shown.map(({ indent, sign, text }) => `${indent}${paint(terminal, SIGN_COLOURS[sign], sign)} ${plain(text)}\n`).join('')
  return `${text}${more === 0 ? '' : `… and ${more} lines more: castellan policy diff\n`}${leftOut}`
}

function sums({ effects, later }: Plan['summary']): string {
  return columns([
    ['EFFECTS', ...KIND_HEADERS],
    ['all', ...countsOf(effects)],
    ['of these, later', ...countsOf(later)],
  ])
}

function table<Row>(
  name: string,
  headers: readonly string[],
  rows: readonly Row[],
  cells: (row: Row) => readonly string[],
  most = ROWS_SHOWN,
  leftOut = 0,
): string {
  if (rows.length === 0) return ''
  const { shown, more } = firstOf(rows, most)
  const text = columns([[name, ...headers, ...KIND_HEADERS], ...shown.map((row) => cells(row).map(plain))])
  return more + leftOut === 0 ? text : `${text}… and ${more + leftOut} more\n`
}

function pairs(terminal: Terminal, title: string, rows: readonly (readonly [string, number])[]): string {
  if (rows.length === 0) return ''
  const { shown, more } = firstOf(rows, ROWS_SHOWN)
  const text = columns(shown.map(([name, count]) => [`  ${plain(name)}`, `pairs ${count}`]))
  return `${paint(terminal, 'red', title)}\n${text}${more === 0 ? '' : `… and ${more} more\n`}`
}

function lines(texts: readonly (string | undefined)[]): string {
  return texts.map((text) => (text === undefined ? '' : `${text}\n`)).join('')
}
