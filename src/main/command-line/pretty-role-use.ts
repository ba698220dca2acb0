/** The report of least privilege in words: unused permissions first, and what it rests on. Floor 6. */
import { prettyTable, records, shortRevision, text } from './pretty.ts'
import type { Json } from './service-client.ts'
import { paint, type Terminal } from './terminal.ts'

const DAY_MS = 86_400_000

export function prettyRoleUse(terminal: Terminal, answer: Json): string {
  const permissions = records(answer, 'permissions')
  const unused = permissions.filter((one) => usesOf(one) === 0)
  const sorted = [...unused, ...permissions.filter((one) => usesOf(one) > 0).sort((a, b) => usesOf(a) - usesOf(b))]
  const tenant = text(answer, 'tenant')
  const [fromMs, untilMs] = [Date.parse(text(answer, 'from')), Date.parse(text(answer, 'until'))]
  const days = Math.floor((untilMs - fromMs) / DAY_MS)
  const where = tenant === '' ? '' : ` at ${tenant}`
  const known = text(answer, 'knownFrom')
  const [sampled, lost] = [Number(answer['sampled']), Number(answer['lost'])]
  const warn = (words: string) => `${paint(terminal, 'yellow', 'warning:')} ${words}\n`
  return [
    prettyTable({ permissions: sorted }, 'permissions', ['PERMISSION', 'CODE', 'USES', 'LAST USED'], (one) => [
      text(one, 'permission'),
      text(one, 'code'),
      usesOf(one) === 0 ? 'unused' : text(one, 'uses'),
      text(one, 'lastUsed'),
    ]),
    `${unused.length} of ${permissions.length} permissions of ${text(answer, 'role')} unused${where} in ${counted(days, 'day')}, ${text(answer, 'from')} to ${text(answer, 'until')}\n`,
    `by the policy in force (${shortRevision(text(answer, 'policyRevision'))}); ${keptWords(sampled)}, ${lost === 0 ? 'none was lost' : `${lost} were lost`}\n`,
    known === ''
      ? ''
      : warn(
          `the log begins at ${known}, ${counted(Math.floor((untilMs - Date.parse(known)) / DAY_MS), 'day')} ago: before that nothing is known.`,
        ),
    sampled < 1 ? warn('not all decisions are known to be kept: what is unused here may have been used.') : '',
    lost > 0 ? warn(`the log lost ${counted(lost, 'decision')}: what is unused here may have been used.`) : '',
  ].join('')
}

function usesOf(one: Json): number {
  return Number(one['uses'] ?? 0)
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** None at all is also what is known where no replica said its share. */
function keptWords(sampled: number): string {
  if (sampled >= 1) return 'every allowed decision was kept'
  return sampled > 0
    ? `at least ${Number((sampled * 100).toPrecision(3))} % of allowed decisions were kept`
    : 'of allowed decisions none is known to be kept'
}
