/** A diff as signed lines for people, the same for terminals and pull requests. Colours and escapes nothing. Floor 2. */

import type { PermissionEntry, RoleEntry, RoleGrant } from '../model/policy.ts'
import type { FieldChange, PolicyDiff, RoleChange } from '../model/policy-diff.ts'
import { compareText } from './faults.ts'
import { conditionInWords, conditionsInWords, constraintInWords, durationInWords } from './words.ts'

/** `+` there is more after, `-` less, `!` it is another one; none: a heading. */
export interface DiffLine {
  readonly sign: '+' | '-' | '!' | ' '
  /** Levels below the heading. */
  readonly depth: number
  readonly text: string
}

/** Roles first: they say what changes for people. None: nothing differs. */
export function diffLines(diff: PolicyDiff): readonly DiffLine[] {
  return [
    ...section('roles', roleLines(diff.roles)),
    ...section('permissions', permissionLines(diff.permissions)),
    ...section('constraints', constraintLines(diff.constraints)),
    ...section('reserved', reservedLines(diff.reserved)),
  ]
}

function section(heading: string, lines: readonly DiffLine[]): readonly DiffLine[] {
  return lines.length === 0 ? [] : [line(' ', 0, heading), ...lines]
}

function line(sign: DiffLine['sign'], depth: number, text: string): DiffLine {
  return { sign, depth, text }
}

function roleLines({ added, removed, changed }: PolicyDiff['roles']): readonly DiffLine[] {
  return inOrder([
    ...added.map((role) => ({ name: role.name, lines: wholeRole('+', role) })),
    ...removed.map((role) => ({ name: role.name, lines: wholeRole('-', role) })),
    ...changed.map((role) => ({ name: role.name, lines: changedRole(role) })),
  ])
}

function wholeRole(sign: '+' | '-', role: RoleEntry): readonly DiffLine[] {
  const temporary =
    role.assignable === 'any'
      ? ''
      : `, for a time only${role.maxGrantMs === undefined ? '' : `, at most ${durationInWords(role.maxGrantMs)}`}`
  return [
    line(sign, 1, `role ${role.name}: ${role.title} (${role.bundle}, ${role.owner})${temporary}`),
    ...role.grants.map((grant) => grantLine(sign, grant)),
  ]
}

function changedRole(role: RoleChange): readonly DiffLine[] {
  const grants = [
    ...role.gained.map((grant) => ({ name: grant.permission, lines: [grantLine('+', grant)] })),
    ...role.lost.map((grant) => ({ name: grant.permission, lines: [grantLine('-', grant)] })),
    ...role.changed.map(({ permission, before, after }) => ({
      name: permission,
      lines: [line('!', 2, `${permission}: ${conditionsInWords(before)} → ${conditionsInWords(after)}`)],
    })),
    ...role.reasons.map(({ permission, before, after }) => ({
      name: permission,
      lines: [line('!', 2, `${permission}, reason: ${before} → ${after}`)],
    })),
  ]
  return [line('!', 1, `role ${role.name}`), ...fieldLines(role.fields), ...inOrder(grants)]
}

function grantLine(sign: '+' | '-', { permission, when, reason }: RoleGrant): DiffLine {
  const condition = when === undefined ? '' : ` when ${conditionInWords(when)}`
  return line(sign, 2, `${permission}${condition}${reason === undefined ? '' : ` (${reason})`}`)
}

function permissionLines({ added, removed, changed, renamed }: PolicyDiff['permissions']): readonly DiffLine[] {
  return inOrder([
    ...renamed.map(({ before, after }) => ({
      name: after.name,
      lines: [line('!', 1, `renamed ${before.name} [${before.code}] → ${after.name} [${after.code}]`)],
    })),
    ...added.map((permission) => ({ name: permission.name, lines: [line('+', 1, permissionText(permission))] })),
    ...removed.map((permission) => ({ name: permission.name, lines: [line('-', 1, permissionText(permission))] })),
    ...changed.map(({ name, code, fields }) => ({ name, lines: [line('!', 1, `${name} [${code}]`), ...fieldLines(fields)] })),
  ])
}

function permissionText({ name, code, title, risk, stage }: PermissionEntry): string {
  const marks = [...(risk === 'normal' ? [] : [`risk ${risk}`]), ...(stage === 'active' ? [] : [stage])]
  return `${name} [${code}]: ${title}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`
}

function constraintLines({ added, removed, changed }: PolicyDiff['constraints']): readonly DiffLine[] {
  return inOrder([
    ...added.map((one) => ({ name: one.id, lines: [line('+', 1, `${one.id}: ${constraintInWords(one)}`)] })),
    ...removed.map((one) => ({ name: one.id, lines: [line('-', 1, `${one.id}: ${constraintInWords(one)}`)] })),
    ...changed.map(({ id, before, after }) => ({
      name: id,
      lines: [line('-', 1, `${id}: ${constraintInWords(before)}`), line('+', 1, `${id}: ${constraintInWords(after)}`)],
    })),
  ])
}

function reservedLines({ added, removed }: PolicyDiff['reserved']): readonly DiffLine[] {
  return inOrder([
    ...removed.map((one) => ({ name: one.name, lines: [line('-', 1, `${one.name} [${one.code}], removed ${one.removed}`)] })),
    ...added.map((one) => ({ name: one.name, lines: [line('+', 1, `${one.name} [${one.code}], removed ${one.removed}`)] })),
  ])
}

function fieldLines(fields: readonly FieldChange[]): readonly DiffLine[] {
  return fields.map(({ field, before, after }) => line('!', 2, `${field}: ${before} → ${after}`))
}

/** By name; what is said of one name keeps its order. */
function inOrder(groups: readonly { readonly name: string; readonly lines: readonly DiffLine[] }[]): readonly DiffLine[] {
  return [...groups].sort((a, b) => compareText(a.name, b.name)).flatMap(({ lines }) => lines)
}
