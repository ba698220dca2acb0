/** `castellan policy plan`: a plan in the form that was asked for, and the end that its gates give it. Floor 6. */
import { writeFile } from 'node:fs/promises'
import { unseenFaults } from '../access/impact/cut-diff.ts'
import { gateFaults } from '../access/impact/gates.ts'
import { findNearest } from '../ground/nearest.ts'
import type { PolicyBundle, Risk } from '../model/policy.ts'
import type { PlanEvent } from '../model/policy-plan.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import type { ServiceClient } from './command-line/service-client.ts'
import type { ServiceOptions } from './command-line/service-command.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'
import { markdownPlan } from './plan-report/markdown.ts'
import { prettyBreaches, prettyEffects, prettyPlan } from './plan-report/pretty.ts'
import type { Plan, PlanBegin } from './plan-report/read-plan.ts'
import { loadCandidate, requireCandidate } from './policy-candidates.ts'
import { streamPlan } from './stream-plan.ts'

export interface PlanOptions extends ServiceOptions {
  readonly path: string
  readonly people?: boolean
  readonly markdown?: boolean
  readonly markdownFile?: string
  readonly tenants?: boolean
  readonly maxLost?: number
  readonly maxGained?: number
  readonly protect: readonly string[]
  readonly requireApprovalFor: readonly Risk[]
  readonly approvedBy?: string
}

/**
 * @param connect asked for when a service is needed
 * @throws CommandError (policy fault) when the files have an error: the service is not asked then; (gate refused) when a gate holds against it
 */
export async function printPlan(
  terminal: Terminal,
  connect: () => Promise<ServiceClient>,
  wanted: string,
  options: PlanOptions,
): Promise<void> {
  refuseMixtures(options)
  const candidate = await loadCandidate(wanted, { path: options.path, client: connect })
  const { bundle } = requireCandidate(terminal, candidate, options.output)
  const sent = candidate.kind === 'files' ? { files: candidate.files } : { revision: candidate.revision }
  const people = options.people === true
  const plan = await streamPlan(terminal, await connect(), sent, people, async (event, line) => {
    // Before anything is printed or looked at for long.
    if (event.event === 'begin') requireProtected(options.protect, bundle, event)
    if (!people) return
    terminal.out(options.output === 'json' ? `${JSON.stringify(line)}\n` : prettyPeople(terminal, event))
    await terminal.drained?.()
  })
  const gates = gatesOf(options)
  const refused = hasGates(options)
    ? [...unseenFaults(plan.begin.diffLeftOut, gates), ...gateFaults(plan.begin.diff, plan.summary, gates, bundle)]
    : undefined
  terminal.out(report(terminal, plan, refused, options))
  await terminal.drained?.()
  if (options.markdownFile !== undefined) await writeMarkdown(options.markdownFile, markdown(plan, refused, options))
  if (refused !== undefined && refused.length > 0)
    throw new CommandError(
      EXIT.gateRefused,
      ['The gates refuse this policy:', ...refused.map((sentence) => `  ${plain(sentence)}`)].join('\n'),
    )
}

function report(terminal: Terminal, plan: Plan, refused: readonly string[] | undefined, options: PlanOptions): string {
  if (options.markdown === true) return markdown(plan, refused, options)
  if (options.output === 'json') return json(plan, refused, options)
  const approved = options.approvedBy === undefined ? '' : `Approved by: ${plain(options.approvedBy)}\n`
  const gates = refused?.length === 0 ? `${paint(terminal, 'green', 'Gates passed.')}\n` : ''
  return `${options.people === true ? '\n' : ''}${prettyPlan(terminal, plan)}${approved}${gates}`
}

/** With people: lines, of which the last one is the end, as on the wire. Without: one document. */
function json({ begin, summary }: Plan, refused: readonly string[] | undefined, { people, approvedBy }: PlanOptions): string {
  const gates = refused === undefined ? {} : { gates: { refused, ...(approvedBy === undefined ? {} : { approvedBy }) } }
  if (people === true)
    return `${refused === undefined ? '' : `${JSON.stringify({ event: 'gates', ...gates.gates })}\n`}${JSON.stringify({ event: 'end', summary })}\n`
  const { event: _, ...rest } = begin
  return `${JSON.stringify({ ...rest, summary, ...gates }, undefined, 2)}\n`
}

function prettyPeople(terminal: Terminal, event: PlanEvent): string {
  if (event.event === 'effects') return prettyEffects(terminal, event.items)
  return event.event === 'breaches' ? prettyBreaches(terminal, event.items) : ''
}

function markdown(plan: Plan, refused: readonly string[] | undefined, { tenants, approvedBy }: PlanOptions): string {
  return markdownPlan(plan, {
    tenants: tenants === true,
    ...(refused === undefined ? {} : { refused }),
    ...(approvedBy === undefined ? {} : { approvedBy }),
  })
}

function hasGates({ maxLost, maxGained, protect, requireApprovalFor }: PlanOptions): boolean {
  return maxLost !== undefined || maxGained !== undefined || protect.length > 0 || requireApprovalFor.length > 0
}

function gatesOf({ maxLost, maxGained, protect, requireApprovalFor, approvedBy }: PlanOptions): Parameters<typeof gateFaults>[2] {
  return {
    ...(maxLost === undefined ? {} : { maxLost }),
    ...(maxGained === undefined ? {} : { maxGained }),
    protected: protect,
    requireApprovalFor,
    ...(approvedBy === undefined ? {} : { approved: approvedBy }),
  }
}

function refuseMixtures({ markdown, output, people, tenants, markdownFile, approvedBy, requireApprovalFor }: PlanOptions): void {
  if (markdown === true && output === 'json')
    throw new CommandError(
      EXIT.usage,
      '--markdown and -o json are two forms of one answer.',
      'Write the Markdown beside it with --markdown-file <file>.',
    )
  if (markdown === true && people === true)
    throw new CommandError(
      EXIT.usage,
      '--markdown names no people.',
      'Leave out --people, or write the Markdown beside it with --markdown-file <file>.',
    )
  if (tenants === true && markdown !== true && markdownFile === undefined)
    throw new CommandError(EXIT.usage, '--tenants is about the Markdown.', 'Add --markdown or --markdown-file <file>.')
  if (approvedBy !== undefined && approvedBy.trim() === '')
    throw new CommandError(EXIT.usage, '--approved-by: nobody is named.', 'Say who approved it, and where that can be read.')
  if (approvedBy !== undefined && requireApprovalFor.length === 0)
    throw new CommandError(EXIT.usage, '--approved-by: no approval is asked for.', 'Add --require-approval-for risk:high.')
}

/** A misspelt name would protect nothing and never be noticed. */
function requireProtected(patterns: readonly string[], bundle: PolicyBundle, { diff }: PlanBegin): void {
  const { removed, renamed } = diff.permissions
  const known = [...bundle.permissions, ...removed, ...renamed.map(({ before }) => before)].flatMap(({ name, code }) => [name, code])
  for (const pattern of patterns) {
    const isKnown = pattern.endsWith('.*') ? known.some((name) => name.startsWith(pattern.slice(0, -1))) : known.includes(pattern)
    if (isKnown) continue
    const near = findNearest(pattern, known)
    throw new CommandError(
      EXIT.usage,
      `--protect: no permission is named ${plain(pattern)}.`,
      near === undefined ? 'Write a full name, a code, or a prefix such as finance.*' : `Did you mean ${plain(near)}?`,
    )
  }
}

async function writeMarkdown(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (fault) {
    const { code } = fault as { readonly code?: unknown }
    throw new CommandError(EXIT.fault, `--markdown-file: ${plain(file)} cannot be written: ${plain(String(code ?? fault))}`)
  }
}
