/** Asks the service for a plan and follows it to its end, with progress on standard error. Prints no part of it. Floor 6. */
import { PLAN_TIMEOUT_MS, POLICY_REQUEST_TIMEOUT_MS, POLICY_UPLOAD_BYTES_MAX } from '../model/policy-limits.ts'
import type { Candidate, PolicySourceFile } from '../model/policy-release.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { type Json, path, type ServiceClient } from './command-line/service-client.ts'
import type { Terminal } from './command-line/terminal.ts'
import { type Plan, readPlan, type Watch } from './plan-report/read-plan.ts'

/** What the service needs to begin comes on top of what the plan itself may take. */
const STREAM_TIMEOUT_MS = PLAN_TIMEOUT_MS + POLICY_REQUEST_TIMEOUT_MS
const WIPE = '\r\u001b[K'

/** @throws CommandError unless it was read to its end */
export async function streamPlan(
  terminal: Terminal,
  client: ServiceClient,
  candidate: Candidate,
  people: boolean,
  watch: Watch = () => undefined,
): Promise<Plan> {
  const body = 'files' in candidate ? { files: sentFiles(candidate.files) } : { revision: candidate.revision }
  let shown = false
  const wipe = () => {
    if (shown) terminal.err(WIPE)
    shown = false
  }
  try {
    return await readPlan(client.lines(path('policy', 'plan'), { ...body, people }, STREAM_TIMEOUT_MS), async (event, line) => {
      if (event.event === 'progress') {
        if (terminal.progress !== true) return
        terminal.err(`${WIPE}planning: ${event.pairs} of ${event.pairsMax} pairs of user and tenant at most`)
        shown = true
        return
      }
      wipe()
      await watch(event, line)
    })
  } finally {
    wipe()
  }
}

/**
 * As a request carries them.
 * @throws CommandError when the service would not read so much
 */
export function sentFiles(files: readonly PolicySourceFile[]): readonly Json[] {
  const sent = files.map(({ name, text }) => ({ name, text }))
  const bytes = Buffer.byteLength(JSON.stringify(sent))
  if (bytes > POLICY_UPLOAD_BYTES_MAX)
    throw new CommandError(
      EXIT.fault,
      `The policy files are ${bytes} bytes on the wire; the service takes ${POLICY_UPLOAD_BYTES_MAX} at most.`,
      'Long comments and tests of generated cases are usually what is large.',
    )
  return sent
}
