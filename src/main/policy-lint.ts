/** `castellan policy lint`: what is sound and untidy, for people and programs; with a service, also who holds what. Floor 6. */
import type { ExcludedRoles } from '../policy/excluded-roles.ts'
import { type LintFinding, type LintReport, lintPolicy } from '../policy/lint.ts'
import { constraintInWords } from '../policy/words.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { path, type ServiceClient } from './command-line/service-client.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'
import { loadFolder, requireCandidate } from './policy-candidates.ts'

export interface LintOptions {
  readonly form: 'pretty' | 'json'
  /** End with exit 3 when there is a finding. */
  readonly strict: boolean
  /** Asked who holds which role; absent: nobody is. */
  readonly client?: () => Promise<ServiceClient>
}

/** @throws CommandError (policy fault) for faulty files, and for findings with `strict` */
export async function lintPolicyCommand(terminal: Terminal, directory: string, { form, strict, client }: LintOptions): Promise<void> {
  const candidate = await loadFolder(directory)
  const { bundle, revision } = requireCandidate(terminal, candidate, form)
  const liveRoles = client === undefined ? undefined : await listLiveRoles(await client())
  const today = new Date(terminal.nowMs()).toISOString().slice(0, 10)
  const report = lintPolicy({ bundle, names: candidate.reading.names, today, ...(liveRoles === undefined ? {} : { liveRoles }) })
  if (form === 'json') terminal.out(`${JSON.stringify({ revision, ...report }, undefined, 2)}\n`)
  else terminal.out(lintPretty(terminal, report))
  if (strict && report.findings.length > 0) throw new CommandError(EXIT.policyFault, `Policy lint, findings: ${report.findings.length}.`)
}

async function listLiveRoles(client: ServiceClient): Promise<readonly string[]> {
  const { roles } = await client.call('GET', path('policy', 'live-roles'))
  if (!Array.isArray(roles) || roles.some((role) => typeof role !== 'string'))
    throw new CommandError(EXIT.fault, 'The service answered no list of roles.', 'Is it older or newer than this command line?')
  return roles as readonly string[]
}

function lintPretty(terminal: Terminal, { findings, excluded }: LintReport): string {
  const found = findings.map((finding) => `${paint(terminal, 'yellow', plain(findingLine(finding)))}\n`)
  const notes = excluded.flatMap((one) => excludedLines(one).map((line) => `${plain(line)}\n`))
  const heading = notes.length === 0 ? '' : `${paint(terminal, 'bold', 'what nobody may hold together')}\n`
  return [...found, heading, ...notes, `findings: ${findings.length}\n`].join('')
}

function findingLine({ at, code, kind, name, message, hint }: LintFinding): string {
  return `${at === undefined ? `${kind} ${name}` : `${at.file}:${at.line}:${at.col}`} ${code} ${message} — ${hint}`
}

function excludedLines({ constraint, sets, complete }: ExcludedRoles): readonly string[] {
  const rest = complete ? [] : ['    and more']
  return [`  ${constraint.id}: ${constraintInWords(constraint)}`, ...sets.map((set) => `    ${set.join(' + ')}`), ...rest]
}
