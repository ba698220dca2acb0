/** `castellan policy budget`: sizes of permission claims in words. Floor 6. */
import { claimSizeOf, foreseenBits } from '../access/impact/claim-sizes.ts'
import { findNearest } from '../ground/nearest.ts'
import { PERMISSION_CLAIM_CHARACTERS_MAX } from '../model/identity-limits.ts'
import { POLICY_REQUEST_TIMEOUT_MS } from '../model/policy-limits.ts'
import type { ClaimSize } from '../model/policy-release.ts'
import { compilePolicy } from '../policy/compile.ts'
import { counted } from '../policy/words.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { names, record, records, shortRevision, text } from './command-line/pretty.ts'
import { type Json, path, type ServiceClient } from './command-line/service-client.ts'
import { printAnswer, type ServiceOptions } from './command-line/service-command.ts'
import { plain, type Terminal } from './command-line/terminal.ts'
import { loadCandidate, requireCandidate } from './policy-candidates.ts'

export interface BudgetOptions extends ServiceOptions {
  readonly roles?: readonly string[]
  readonly path: string
}

type Connect = () => Promise<ServiceClient>

/** The people of the service, by the policy in force. */
export async function printHoldersBudget(terminal: Terminal, connect: Connect, options: BudgetOptions): Promise<void> {
  const answer = await (await connect()).call('GET', path('policy', 'budget'), undefined, POLICY_REQUEST_TIMEOUT_MS)
  printAnswer(terminal, options, answer, prettyHolders)
}

/**
 * Any roles together, as a candidate has them, whoever holds them.
 * @throws CommandError (policy fault) when its files have an error
 */
export async function printRolesBudget(
  terminal: Terminal,
  connect: Connect,
  wanted: string,
  roles: readonly string[],
  options: BudgetOptions,
): Promise<void> {
  const candidate = await loadCandidate(wanted, { path: options.path, client: connect })
  const { bundle } = requireCandidate(terminal, candidate, options.output)
  const policy = compilePolicy(bundle)
  for (const role of roles) {
    if (policy.findRole(role) !== undefined) continue
    const near = findNearest(
      role,
      bundle.roles.map(({ name }) => name),
    )
    throw new CommandError(
      EXIT.usage,
      `--roles: there is no role ${plain(role)}.`,
      near === undefined ? undefined : `Did you mean ${plain(near)}?`,
    )
  }
  const index = await readIndex(connect)
  const size = claimSizeOf(policy, roles, foreseenBits(index.bits, [policy]))
  const answer = { revision: policy.revision, roles, charactersMax: PERMISSION_CLAIM_CHARACTERS_MAX, ...size, index: index.from }
  printAnswer(
    terminal,
    options,
    answer,
    () =>
      `${plain(roles.join(', '))} in ${shortRevision(policy.revision)}: ${sizeInWords(size)}; at most ${PERMISSION_CLAIM_CHARACTERS_MAX} travel\n${
        index.fault === undefined
          ? ''
          : `bits are those of an index that begins with this policy: the service's was not read (${plain(index.fault)})\n`
      }`,
  )
}

interface Index {
  readonly from: 'service' | 'new'
  readonly fault?: string
  readonly bits: Parameters<typeof foreseenBits>[0]
}

/** Bits were given out in the order in which permissions came: only the service knows it. */
async function readIndex(connect: Connect): Promise<Index> {
  try {
    const answer = await (await connect()).call('GET', path('policy', 'index'))
    const entries = new Map(
      records(answer, 'permissions').map((one) => [keyOf({ name: text(one, 'name'), code: text(one, 'code') }), one['bit']]),
    )
    if ([...entries.values()].some((bit) => typeof bit !== 'number') || typeof answer['version'] !== 'number')
      throw new CommandError(EXIT.fault, 'it answered no index')
    const bitOf = (permission: { readonly name: string; readonly code: string }): number | undefined => {
      const bit = entries.get(keyOf(permission))
      return typeof bit === 'number' ? bit : undefined
    }
    return { from: 'service', bits: { version: answer['version'], bitOf } }
  } catch (fault) {
    if (!(fault instanceof CommandError)) throw fault
    return { from: 'new', fault: fault.message, bits: { version: 0, bitOf: () => undefined } }
  }
}

function keyOf({ name, code }: { readonly name: string; readonly code: string }): string {
  return `${name}\n${code}`
}

function prettyHolders(answer: Json): string {
  const worst = record(answer, 'worst')
  const pairs = record(answer, 'pairs')
  const lines = [
    `revision ${shortRevision(text(answer, 'revision'))}; a claim of at most ${text(answer, 'charactersMax')} characters travels`,
    `sets of roles that somebody holds: ${text(answer, 'combinations')}; pairs of user and tenant by form: codes ${text(pairs, 'codes')}, bits ${text(pairs, 'bits')}, overage ${text(pairs, 'overage')}`,
  ]
  if (answer['worst'] === undefined) return [...lines, 'nobody holds anything', ''].join('\n')
  const holders = Number(worst['holders'])
  return [
    ...lines,
    `largest: ${text(worst, 'user') === '' ? 'somebody' : text(worst, 'user')} at ${text(worst, 'tenant')} with ${names(worst, 'roles')}${holders > 1 ? `, as ${holders - 1} more` : ''}: ${sizeInWords(
      {
        permissions: Number(worst['permissions']),
        form: text(worst, 'form') as ClaimSize['form'],
        characters: Number(worst['characters']),
        codeCharacters: Number(worst['codeCharacters']),
      },
    )}`,
    '',
  ].join('\n')
}

function sizeInWords({ permissions, form, characters, codeCharacters }: ClaimSize): string {
  const codes = `${counted(permissions, 'permission')}, ${counted(codeCharacters, 'character')} of codes`
  if (form === 'codes') return `${codes}; travels as codes`
  return form === 'bits'
    ? `${codes}; travels as bits (${counted(characters, 'character')})`
    : `${codes}; too large for either form: the service has to be asked`
}
