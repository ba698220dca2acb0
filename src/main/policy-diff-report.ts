/** `castellan policy diff`: two policies side by side, for a terminal, a program or a pull request. Floor 6. */

import type { PolicyDiff } from '../model/policy-diff.ts'
import { REPORT_CHARACTERS_MAX } from '../model/policy-limits.ts'
import { diffPolicies, isEmptyDiff } from '../policy/diff.ts'
import { type DiffLine, diffLines } from '../policy/diff-lines.ts'
import { counted } from '../policy/words.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { type Colour, paint, plain, type Terminal } from './command-line/terminal.ts'
import { codeSpan, fenceAround } from './markdown-text.ts'
import { type CandidateNeeds, loadCandidate, requireCandidate } from './policy-candidates.ts'

export interface DiffOptions {
  readonly form: 'pretty' | 'json' | 'markdown'
  /** End with exit 1 when they differ, as git does. */
  readonly exitCode: boolean
}

/** One of two policies, as its author named it. */
export interface DiffSide {
  readonly label: string
  readonly revision: string
}

/** @throws CommandError (policy fault) when either has faulty files, (fault) without words when they differ and `exitCode` is set */
export async function diffPolicyCommand(
  terminal: Terminal,
  [before, after]: readonly [string, string],
  needs: CandidateNeeds,
  { form, exitCode }: DiffOptions,
): Promise<void> {
  const [one, other] = [await loadCandidate(before, needs), await loadCandidate(after, needs)]
  const [from, to] = [requireCandidate(terminal, one, form), requireCandidate(terminal, other, form)]
  const sides = { from: { label: one.label, revision: from.revision }, to: { label: other.label, revision: to.revision } }
  const diff = diffPolicies(from.bundle, to.bundle)
  if (form === 'json') terminal.out(`${JSON.stringify({ ...sides, equal: isEmptyDiff(diff), diff }, undefined, 2)}\n`)
  else if (form === 'markdown') terminal.out(diffMarkdown(sides, diff))
  else terminal.out(diffPretty(terminal, sides, diff))
  if (exitCode && !isEmptyDiff(diff)) throw new CommandError(EXIT.fault, '')
}

interface Sides {
  readonly from: DiffSide
  readonly to: DiffSide
}

const COLOURS: Readonly<Record<DiffLine['sign'], Colour>> = { '+': 'green', '-': 'red', '!': 'yellow', ' ': 'bold' }

export function diffPretty(terminal: Terminal, { from, to }: Sides, diff: PolicyDiff): string {
  const head = `${sideText('from', from)}\n${sideText('to', to)}\n`
  const lines = diffLines(diff)
  if (lines.length === 0) return `${head}they mean the same\n`
  const body = lines.map((line) => `${paint(terminal, COLOURS[line.sign], plain(lineText(line)))}\n`)
  return `${head}${body.join('')}${summary(diff)}\n`
}

/** Cut where a comment on a pull request would be refused. No text of the files can end its block. */
export function diffMarkdown({ from, to }: Sides, diff: PolicyDiff): string {
  const head = `### Policy: ${isEmptyDiff(diff) ? 'no change' : summary(diff)}\n\n${codeSpan(from.label)} → ${codeSpan(to.label)}\n`
  const lines = diffLines(diff).map((line) => plain(lineText(line)))
  if (lines.length === 0) return head
  const kept: string[] = []
  let characters = head.length
  for (const line of lines) {
    characters += line.length + 1
    if (characters > REPORT_CHARACTERS_MAX) break
    kept.push(line)
  }
  const fence = fenceAround(kept.join('\n'), 3)
  const rest = kept.length === lines.length ? '' : `\n… and ${counted(lines.length - kept.length, 'line')} more: castellan policy diff\n`
  return `${head}\n${fence}diff\n${kept.join('\n')}\n${fence}\n${rest}`
}

function lineText({ sign, depth, text }: DiffLine): string {
  return depth === 0 ? text : `${sign}${'  '.repeat(depth)}${text}`
}

function sideText(word: string, { label, revision }: DiffSide): string {
  return `${word.padEnd(4)}  ${plain(label)}  revision ${revision.slice(0, 12)}`
}

/** Counts of what changed, nothing that did not. */
function summary({ permissions, roles, constraints, reserved }: PolicyDiff): string {
  const gained = roles.changed.reduce((sum, role) => sum + role.gained.length, 0)
  const lost = roles.changed.reduce((sum, role) => sum + role.lost.length, 0)
  const parts = [
    [roles.added.length, 'role added', 'roles added'],
    [roles.removed.length, 'role removed', 'roles removed'],
    [roles.changed.length, 'role changed', 'roles changed'],
    [gained, 'grant gained', 'grants gained'],
    [lost, 'grant lost', 'grants lost'],
    [permissions.added.length, 'permission added', 'permissions added'],
    [permissions.removed.length, 'permission removed', 'permissions removed'],
    [permissions.renamed.length, 'permission renamed', 'permissions renamed'],
    [permissions.changed.length, 'permission changed', 'permissions changed'],
    [constraints.added.length + constraints.removed.length + constraints.changed.length, 'constraint changed', 'constraints changed'],
    [reserved.added.length + reserved.removed.length, 'tombstone changed', 'tombstones changed'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}`)
    .join(', ')
}
