/** A plan for a pull request: counts, roles and permissions; people never, tenants only when asked for. Floor 6. */

import { counted } from '../../policy/words.ts'
import { shortRevision } from '../command-line/pretty.ts'
import { plain } from '../command-line/terminal.ts'
import { codeSpan, fenceAround, tableCell } from '../markdown-text.ts'
import type { Plan } from './read-plan.ts'
import { EFFECT_KINDS } from './read-plan.ts'
import { shortDiff } from './short-diff.ts'
import { countsOf, firstOf, leftOutInWords, positionInWords, reachInWords, tokensInWords } from './words.ts'

export interface MarkdownOptions {
  /** Whether to name tenants: names of customers may be nobody's business in a repository. */
  readonly tenants: boolean
  /** Sentences of the gates; absent: none was asked. */
  readonly refused?: readonly string[]
  /** Who approved what needs it. */
  readonly approvedBy?: string
}

/** GitHub refuses comments above 65,536 characters; bytes are never fewer, and a caller may put a line above and below. */
export const MARKDOWN_BYTES_MAX = 65_000
/** Rows of each list; halved until the whole fits. */
const ROWS_MAX = 400

export function markdownPlan(plan: Plan, options: MarkdownOptions): string {
  for (let rowsMax = ROWS_MAX; ; rowsMax = Math.floor(rowsMax / 2)) {
    const text = render(plan, options, rowsMax)
    if (rowsMax === 0 || Buffer.byteLength(text) <= MARKDOWN_BYTES_MAX) return text
  }
}

function render({ begin, summary }: Plan, { tenants, refused, approvedBy }: MarkdownOptions, rowsMax: number): string {
  const counts = EFFECT_KINDS
  const diff = shortDiff(begin.diff).flatMap(({ sign, text, under }) => [
    `${sign} ${text}`,
    // In their sign's column, so that the colours of a diff show.
    ...under.map((one) => `${one.sign}   ${one.text}`),
  ])
  const blocks = [
    '### Policy plan',
    `${codeSpan(shortRevision(begin.from))} → ${codeSpan(shortRevision(begin.to))}: ${reachInWords(summary)}`,
    verdict(refused, rowsMax),
    approvedBy === undefined ? '' : `Approved by ${codeSpan(approvedBy)}`,
    summary.pairs === 0
      ? ''
      : table(
          ['', ...counts],
          [
            ['all', ...countsOf(summary.effects)],
            ['of these, later', ...countsOf(summary.later)],
          ],
        ),
    titled(
      'Would now break a constraint',
      rowsMax,
      summary.breaches.map((row) => [codeSpan(row.constraint), String(row.pairs)]),
    ),
    titled(
      'Roles that are held and would be gone',
      rowsMax,
      summary.rolesGone.map((row) => [codeSpan(row.role), String(row.pairs)]),
    ),
    diff.length === 0 && begin.diffLeftOut === 0
      ? 'The two policies mean the same.'
      : details('What changes in the policy, in lines', diff.length, fenced('diff', diff, rowsMax)),
    leftOutInWords(begin) ?? '',
    rows(
      'By role',
      ['role', 'pairs', ...counts],
      summary.byRole,
      (row) => [codeSpan(row.role), String(row.pairs), ...countsOf(row)],
      rowsMax,
    ),
    rows(
      'By permission',
      ['permission', 'risk', ...counts],
      summary.byPermission,
      (row) => [codeSpan(row.permission), row.risk, ...countsOf(row)],
      rowsMax,
    ),
    tenants
      ? rows(
          'By tenant',
          ['tenant', 'pairs', ...counts],
          summary.byTenant,
          (row) => [codeSpan(row.tenant), String(row.pairs), ...countsOf(row)],
          rowsMax,
          summary.tenantsLeftOut,
        )
      : '',
    tokensInWords(summary) ?? '',
    positionInWords(summary),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function verdict(refused: readonly string[] | undefined, rowsMax: number): string {
  if (refused === undefined) return ''
  if (refused.length === 0) return '**Gates passed.**'
  return `**Refused by the gates:**\n\n${fenced('', refused, rowsMax)}`
}

function titled(title: string, rowsMax: number, found: readonly (readonly string[])[]): string {
  if (found.length === 0) return ''
  const { shown, more } = firstOf(found, rowsMax)
  return `**${title}:**\n\n${[table(['', 'pairs'], shown), ...moreLines('\n', more)].join('\n')}`
}

function rows<Row>(
  title: string,
  header: readonly string[],
  found: readonly Row[],
  cells: (row: Row) => readonly string[],
  rowsMax: number,
  leftOut = 0,
): string {
  if (found.length === 0) return ''
  const { shown, more } = firstOf(found, rowsMax)
  return details(title, found.length + leftOut, [table(header, shown.map(cells)), ...moreLines('\n', more + leftOut)].join('\n'))
}

function details(title: string, count: number, body: string): string {
  return `<details><summary>${title} (${count})</summary>\n\n${body}\n\n</details>`
}

function table(header: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(tableCell).join(' | ')} |`
  return [line(header), line(header.map((_, column) => (column === 0 ? '---' : '--:'))), ...body.map(line)].join('\n')
}

function moreLines(before: string, more: number): readonly string[] {
  return more === 0 ? [] : [`${before}… and ${more} more`]
}

/** A fence longer than any run of backticks inside: what a file says cannot leave it. */
function fenced(language: '' | 'diff', lines: readonly string[], rowsMax: number): string {
  const { shown, more } = firstOf(lines, rowsMax)
  const body = [...shown, ...(more === 0 ? [] : [`  … and ${counted(more, 'line')} more`])].map(plain).join('\n')
  const fence = fenceAround(body, 3)
  return `${fence}${language}\n${body}\n${fence}`
}
