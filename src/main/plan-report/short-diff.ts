/** The difference of two policies in short: a line for each thing that changes, with what changes of it below. Escapes nothing. Floor 6. */
import type { RoleGrant } from '../../model/policy.ts'
import type { FieldChange, PolicyDiff, RoleChange } from '../../model/policy-diff.ts'
import { compareText } from '../../policy/faults.ts'
import { conditionsInWords, constraintInWords } from '../../policy/words.ts'

export interface ShortLine {
  readonly sign: '+' | '-' | '~'
  readonly text: string
}
export interface ShortChange extends ShortLine {
  readonly under: readonly ShortLine[]
}

/** Roles first: they are what people hold. Empty: the two policies mean the same. */
export function shortDiff({ roles, permissions, constraints, reserved }: PolicyDiff): readonly ShortChange[] {
  return [
    ...roles.changed.map(roleLines),
    ...roles.added.map((role) => line('+', `role ${role.name}`, role.grants.map(grantLine('+')))),
    ...roles.removed.map((role) => line('-', `role ${role.name}`, role.grants.map(grantLine('-')))),
    ...permissions.changed.map(({ name, fields }) => line('~', `permission ${name}`, fields.map(fieldLine))),
    ...permissions.renamed.map(({ before, after }) =>
      line('~', `permission ${before.name} (${before.code}) → ${after.name} (${after.code})`),
    ),
    ...permissions.added.map(({ name, code }) => line('+', `permission ${name} (${code})`)),
    ...permissions.removed.map(({ name, code }) => line('-', `permission ${name} (${code})`)),
    ...constraints.changed.map(({ id, before, after }) =>
      line('~', `constraint ${id}`, [
        { sign: '-', text: constraintInWords(before) },
        { sign: '+', text: constraintInWords(after) },
      ]),
    ),
    ...constraints.added.map((one) => line('+', `constraint ${one.id}: ${constraintInWords(one)}`)),
    ...constraints.removed.map((one) => line('-', `constraint ${one.id}: ${constraintInWords(one)}`)),
    ...reserved.added.map(({ name, code }) => line('+', `reserved ${name} (${code})`)),
    ...reserved.removed.map(({ name, code }) => line('-', `reserved ${name} (${code})`)),
  ]
}

function roleLines({ name, fields, gained, lost, changed, reasons }: RoleChange): ShortChange {
  const grants = [
    ...gained.map((grant) => ({ of: grant.permission, ...grantLine('+')(grant) })),
    ...lost.map((grant) => ({ of: grant.permission, ...grantLine('-')(grant) })),
    ...changed.map(({ permission, before, after }) => ({
      of: permission,
      sign: '~' as const,
      text: `${permission}: ${conditionsInWords(before)} → ${conditionsInWords(after)}`,
    })),
  ]
  const sorted = grants.sort((a, b) => compareText(a.of, b.of)).map(({ sign, text }) => ({ sign, text }))
  const words = reasons.map(({ permission }): ShortLine => ({ sign: '~', text: `${permission}: other words for its reason` }))
  return line('~', `role ${name}`, [...sorted, ...fields.map(fieldLine), ...words])
}

function line(sign: ShortLine['sign'], text: string, under: readonly ShortLine[] = []): ShortChange {
  return { sign, text, under }
}

function grantLine(sign: '+' | '-'): (grant: RoleGrant) => ShortLine {
  return ({ permission, when }) => ({ sign, text: when === undefined ? permission : `${permission} ${conditionsInWords([when])}` })
}

function fieldLine({ field, before, after }: FieldChange): ShortLine {
  return { sign: '~', text: `${field}: ${before} → ${after}` }
}
