/** `castellan policy publish`: local checks, then the files to the service, then what they would do to people. Floor 6. */
import { runPolicyTests } from '../decision/policy-test.ts'
import { POLICY_REQUEST_TIMEOUT_MS } from '../model/policy-limits.ts'
import type { SubjectBreach } from '../model/policy-plan.ts'
import { compilePolicy } from '../policy/compile.ts'
import { counted } from '../policy/words.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { parseTimeToCome } from './command-line/instant.ts'
import { record, shortRevision, text } from './command-line/pretty.ts'
import { prettyActivation } from './command-line/pretty-activation.ts'
import { type Json, path, type ServiceClient, ServiceFault } from './command-line/service-client.ts'
import type { ServiceOptions } from './command-line/service-command.ts'
import { paint, plain, type Terminal } from './command-line/terminal.ts'
import { findGitOrigin } from './git-origin.ts'
import { prettyBreaches } from './plan-report/pretty.ts'
import type { Plan } from './plan-report/read-plan.ts'
import { reachInWords } from './plan-report/words.ts'
import { type CandidateFiles, loadFolder, requireCandidate } from './policy-candidates.ts'
import { sentFiles, streamPlan } from './stream-plan.ts'

export interface PublishOptions extends ServiceOptions {
  readonly author?: string
  readonly message?: string
  readonly commit?: string
  /** False with `--no-git`. */
  readonly git: boolean
  /** False with `--no-plan`. */
  readonly plan: boolean
  readonly activate?: boolean
  readonly at?: string
  readonly reason?: string
}

/** People who would break a constraint, as many as one screen holds. */
const BREACHES_SHOWN = 20

interface Origin {
  readonly author?: string
  readonly message?: string
  readonly sourceCommit?: string
}

/** @throws CommandError (policy fault, policy test failed) before anything is sent */
export async function publishPolicy(
  terminal: Terminal,
  connect: () => Promise<ServiceClient>,
  folder: string,
  options: PublishOptions,
): Promise<void> {
  const atMs = options.at === undefined ? undefined : await parseTimeToCome('--at', options.at, terminal.nowMs())
  const candidate = await loadFolder(folder)
  requireTested(terminal, candidate, options)
  const origin = await originOf(terminal, folder, options)
  const client = await connect()
  const reason = options.reason === undefined ? {} : { reason: options.reason }
  const body = { files: sentFiles(candidate.files), ...origin, ...reason }
  const published = await client.call('POST', path('policy', 'revisions'), body, POLICY_REQUEST_TIMEOUT_MS)
  const revision = text(record(published, 'revision'), 'revision')
  if (revision === '') throw new CommandError(EXIT.fault, 'The service answered no revision.', 'Is it older than this command line?')
  const pretty = options.output === 'pretty'
  if (pretty) terminal.out(prettyPublished(terminal, published, revision, origin))
  const found = options.plan ? await planOf(terminal, client, revision) : undefined
  if (pretty && found !== undefined) terminal.out(prettyFound(terminal, found))
  // Whoever is to be told who would break a constraint is told before it takes force.
  if (options.activate === true && found?.fault !== undefined) throw unplanned(revision, found.fault, options)
  const activated =
    options.activate === true
      ? await client.call(
          'POST',
          path('policy', 'revisions', revision, 'activate'),
          { ...(atMs === undefined ? {} : { at: new Date(atMs).toISOString() }), ...reason },
          POLICY_REQUEST_TIMEOUT_MS,
        )
      : undefined
  if (!pretty) terminal.out(json(published, found, activated))
  else if (activated !== undefined) terminal.out(prettyActivation(activated))
  else
    terminal.out(
      `next: castellan policy plan ${shortRevision(revision)} --people; castellan policy activate ${shortRevision(revision)} --reason …\n`,
    )
  if (found?.fault !== undefined) throw unplanned(revision, found.fault, options)
}

function requireTested(terminal: Terminal, candidate: CandidateFiles, { output }: PublishOptions): void {
  const { tests } = candidate.reading
  const compiled = compilePolicy(requireCandidate(terminal, candidate, output).bundle)
  const results = runPolicyTests(compiled, tests)
  const failed = results.filter(({ passed }) => !passed)
  if (failed.length === 0) return
  if (output === 'json') terminal.out(`${JSON.stringify({ valid: true, passed: results.length - failed.length, failed }, undefined, 2)}\n`)
  for (const { name, file, line, differences } of failed) {
    terminal.err(`${paint(terminal, 'red', 'failed')}  ${plain(name)}  ${plain(`${file}:${line}`)}\n`)
    for (const difference of differences) terminal.err(`        ${plain(difference)}\n`)
  }
  throw new CommandError(EXIT.policyTestFailed, `Policy tests failed: ${failed.length} of ${results.length}. Nothing was published.`)
}

async function originOf(terminal: Terminal, folder: string, options: PublishOptions): Promise<Origin> {
  const git = options.git ? await findGitOrigin(folder) : undefined
  const author = options.author ?? git?.author
  const sourceCommit = options.commit ?? git?.commit
  if (git !== undefined && options.commit === undefined && git.changed.length > 0)
    terminal.err(
      `No commit is noted: ${counted(git.changed.length, 'policy file')} not as committed (${plain(git.changed.slice(0, 3).join(', '))}${git.changed.length > 3 ? ', …' : ''}).\n`,
    )
  return {
    ...(author === undefined ? {} : { author }),
    ...(options.message === undefined ? {} : { message: options.message }),
    ...(sourceCommit === undefined ? {} : { sourceCommit }),
  }
}

function prettyPublished(terminal: Terminal, published: Json, revision: string, { author, sourceCommit }: Origin): string {
  const from = [author === undefined ? '' : `author ${author}`, sourceCommit === undefined ? '' : `commit ${sourceCommit}`]
  const origin = from.filter((part) => part !== '').join(', ')
  const warnings = Array.isArray(published['warnings']) ? published['warnings'] : []
  const done = published['changed'] === false ? 'was published before' : 'published'
  return [
    `${paint(terminal, 'green', done)}: ${revision} (position ${text(published, 'position')})\n`,
    origin === '' || published['changed'] === false ? '' : `${plain(origin)}\n`,
    ...warnings.map((line) => `${paint(terminal, 'yellow', plain(String(line)))}\n`),
  ].join('')
}

/** What a plan found; `fault` says why there is none. */
type Found =
  | { readonly plan: Plan; readonly named: readonly SubjectBreach[] | undefined; readonly fault?: never }
  | { readonly fault: CommandError }

/** Names people where the key may see them, and counts them where not. @returns `undefined` when there is nothing to compare with */
async function planOf(terminal: Terminal, client: ServiceClient, revision: string): Promise<Found | undefined> {
  try {
    const named: SubjectBreach[] = []
    const plan = await streamPlan(terminal, client, { revision }, true, (event) => {
      if (event.event === 'breaches') named.push(...event.items.slice(0, BREACHES_SHOWN - named.length))
    })
    return { plan, named }
  } catch (fault) {
    // None is in force to compare with: it is the first, and takes nothing from anybody.
    if (fault instanceof ServiceFault && fault.code === 'conflict') return undefined
    if (!(fault instanceof ServiceFault) || fault.code !== 'permission_denied') return { fault: asFault(fault) }
  }
  try {
    return { plan: await streamPlan(terminal, client, { revision }, false), named: undefined }
  } catch (fault) {
    return { fault: asFault(fault) }
  }
}

function asFault(fault: unknown): CommandError {
  if (fault instanceof CommandError) return fault
  throw fault
}

function unplanned(revision: string, fault: CommandError, { activate }: PublishOptions): CommandError {
  const done = activate === true ? `${shortRevision(revision)} is published and not activated` : `${shortRevision(revision)} is published`
  return new CommandError(
    EXIT.fault,
    `${done}, but whom it would affect is not known: ${fault.message}`,
    `Try castellan policy plan ${shortRevision(revision)}, or leave the plan out with --no-plan.`,
  )
}

function prettyFound(terminal: Terminal, found: Found): string {
  if (found.fault !== undefined) return ''
  const { summary } = found.plan
  const { gained, lost, widened, narrowed, changed } = summary.effects
  const counts = `gained ${gained}, lost ${lost}, widened ${widened}, narrowed ${narrowed}, changed ${changed}`
  const breaking = summary.breaches.reduce((sum, { pairs }) => sum + pairs, 0)
  const shown = found.named ?? []
  return [
    `if it were in force: ${reachInWords(summary)}${summary.pairs === 0 ? '' : ` Permissions: ${counts}.`}\n`,
    breaking === 0 ? 'nobody would newly break a constraint\n' : `${paint(terminal, 'red', 'would now break a constraint:')}\n`,
    ...summary.breaches.map(({ constraint, pairs }) => `  ${plain(constraint)}: ${counted(pairs, 'pair')} of user and tenant\n`),
    prettyBreaches(terminal, shown),
    found.named === undefined || breaking <= shown.length ? '' : `… and ${breaking - shown.length} more: castellan policy plan --people\n`,
  ].join('')
}

function json(published: Json, found: Found | undefined, activated: Json | undefined): string {
  const plan =
    found === undefined || found.fault !== undefined
      ? {}
      : { plan: { ...found.plan.summary, ...(found.named === undefined ? {} : { breaking: found.named }) } }
  return `${JSON.stringify({ published, ...plan, ...(activated === undefined ? {} : { activation: activated }) }, undefined, 2)}\n`
}
