/** The lines of a streamed plan, read one by one; a plan is one only when its last line was read. Prints nothing. Floor 6. */
import type { Effect, EffectCounts, EffectKind, PlanEvent, PlanSummary, SubjectBreach, SubjectEffects } from '../../model/policy-plan.ts'
import { CommandError, EXIT } from '../command-line/exit.ts'
import { plain } from '../command-line/terminal.ts'
import {
  countIn,
  type Fields,
  fieldsIn,
  fieldsOf,
  flagIn,
  instantIn,
  listIn,
  oneOfIn,
  textIn,
  textOf,
  UnreadablePlanError,
} from './fields.ts'
import { readPolicyDiff } from './read-diff.ts'

export type PlanBegin = Extract<PlanEvent, { readonly event: 'begin' }>
export interface Plan {
  readonly begin: PlanBegin
  readonly summary: PlanSummary
}

/** What happens on the way to the end; `line` is what the wire carried. What it returns is waited for before the next line is read. */
export type Watch = (event: PlanEvent, line: unknown) => Promise<void> | void

/** All kinds, in the order of reports. */
export const EFFECT_KINDS = ['gained', 'lost', 'widened', 'narrowed', 'changed'] as const satisfies readonly EffectKind[]

/**
 * Reads to the end. `watch` sees each event but the last.
 * @throws CommandError with the words of the service when it broke off; UnreadablePlanError
 */
export async function readPlan(lines: AsyncIterable<unknown>, watch: Watch = () => undefined): Promise<Plan> {
  let begin: PlanBegin | undefined
  let summary: PlanSummary | undefined
  for await (const line of lines) {
    if (summary !== undefined) throw new UnreadablePlanError('there is a line after its end')
    const event = readPlanEvent(line)
    if ((begin === undefined) !== (event.event === 'begin')) throw new UnreadablePlanError(`"${event.event}" stands where it cannot`)
    if (event.event === 'begin') begin = event
    if (event.event === 'end') summary = event.summary
    else await watch(event, line)
  }
  if (begin === undefined || summary === undefined)
    throw new CommandError(EXIT.fault, 'The plan broke off before its end: it says nothing.', 'Ask again; the log of the service says why.')
  if (begin.from !== summary.from || begin.to !== summary.to)
    throw new UnreadablePlanError('its end is of other revisions than its beginning')
  return { begin, summary }
}

/** @throws CommandError when the line says that the service broke off; UnreadablePlanError */
export function readPlanEvent(line: unknown): PlanEvent {
  const fields = fieldsOf(line, '')
  const event = oneOfIn(fields, 'event', ['begin', 'effects', 'breaches', 'progress', 'end', 'error'])
  switch (event) {
    case 'begin':
      return {
        event,
        from: textIn(fields, 'from'),
        to: textIn(fields, 'to'),
        diff: readPolicyDiff(fields.value['diff']),
        diffLeftOut: countIn(fields, 'diffLeftOut'),
        changedRoles: listIn(fields, 'changedRoles', textOf),
        pairsMax: countIn(fields, 'pairsMax'),
      }
    case 'effects':
      return { event, items: listIn(fields, 'items', readSubjectEffects) }
    case 'breaches':
      return { event, items: listIn(fields, 'items', readSubjectBreach) }
    case 'progress':
      return { event, pairs: countIn(fields, 'pairs'), pairsMax: countIn(fields, 'pairsMax') }
    case 'end':
      return { event, summary: readSummary(fieldsIn(fields, 'summary')) }
    case 'error': {
      const detail = fields.value['detail']
      const words = `${textIn(fields, 'title')} (${textIn(fields, 'code')})${typeof detail === 'string' ? `: ${detail}` : ''}`
      throw new CommandError(EXIT.fault, `The plan broke off: ${plain(words)}`, 'What it said until then is no plan: ask again.')
    }
  }
}

function readSubjectEffects(value: unknown, at: string): SubjectEffects {
  const fields = fieldsOf(value, at)
  return {
    user: textIn(fields, 'user'),
    tenant: textIn(fields, 'tenant'),
    dormant: flagIn(fields, 'dormant'),
    effects: listIn(fields, 'effects', readEffect),
  }
}

function readEffect(value: unknown, at: string): Effect {
  const fields = fieldsOf(value, at)
  return {
    permission: textIn(fields, 'permission'),
    kind: oneOfIn(fields, 'kind', EFFECT_KINDS),
    conditional: flagIn(fields, 'conditional'),
    ...fromIn(fields),
  }
}

function readSubjectBreach(value: unknown, at: string): SubjectBreach {
  const fields = fieldsOf(value, at)
  return {
    user: textIn(fields, 'user'),
    tenant: textIn(fields, 'tenant'),
    constraint: textIn(fields, 'constraint'),
    message: textIn(fields, 'message'),
    ...fromIn(fields),
  }
}

function fromIn(fields: Fields): { readonly fromMs?: number } {
  const fromMs = instantIn(fields, 'from')
  return fromMs === undefined ? {} : { fromMs }
}

function readSummary(fields: Fields): PlanSummary {
  const tokens = fieldsIn(fields, 'tokens')
  return {
    from: textIn(fields, 'from'),
    to: textIn(fields, 'to'),
    positionFirst: countIn(fields, 'positionFirst'),
    positionLast: countIn(fields, 'positionLast'),
    pairs: countIn(fields, 'pairs'),
    pairsAffected: countIn(fields, 'pairsAffected'),
    pairsDormant: countIn(fields, 'pairsDormant'),
    effects: countsOf(fieldsIn(fields, 'effects')),
    later: countsOf(fieldsIn(fields, 'later')),
    byRole: listIn(fields, 'byRole', (item, at) => {
      const row = fieldsOf(item, at)
      return { role: textIn(row, 'role'), pairs: countIn(row, 'pairs'), ...countsOf(row) }
    }),
    byTenant: listIn(fields, 'byTenant', (item, at) => {
      const row = fieldsOf(item, at)
      return { tenant: textIn(row, 'tenant'), pairs: countIn(row, 'pairs'), ...countsOf(row) }
    }),
    tenantsLeftOut: countIn(fields, 'tenantsLeftOut'),
    byPermission: listIn(fields, 'byPermission', (item, at) => {
      const row = fieldsOf(item, at)
      return { permission: textIn(row, 'permission'), risk: oneOfIn(row, 'risk', ['low', 'normal', 'high']), ...countsOf(row) }
    }),
    breaches: listIn(fields, 'breaches', (item, at) => {
      const row = fieldsOf(item, at)
      return { constraint: textIn(row, 'constraint'), pairs: countIn(row, 'pairs') }
    }),
    rolesGone: listIn(fields, 'rolesGone', (item, at) => {
      const row = fieldsOf(item, at)
      return { role: textIn(row, 'role'), pairs: countIn(row, 'pairs') }
    }),
    tokens: {
      codesToBits: countIn(tokens, 'codesToBits'),
      toOverage: countIn(tokens, 'toOverage'),
      charactersBefore: countIn(tokens, 'charactersBefore'),
      charactersAfter: countIn(tokens, 'charactersAfter'),
    },
  }
}

function countsOf(fields: Fields): EffectCounts {
  const [gained, lost, widened] = [countIn(fields, 'gained'), countIn(fields, 'lost'), countIn(fields, 'widened')]
  return { gained, lost, widened, narrowed: countIn(fields, 'narrowed'), changed: countIn(fields, 'changed') }
}
