/** `castellan policy codes`: the reference table of names and codes, and proposals for new ones. Writes no catalogue. Floor 6. */
import { didYouMean } from '../ground/nearest.ts'
import type { PermissionEntry, PolicyBundle } from '../model/policy.ts'
import { compareText } from '../policy/faults.ts'
import { isPermissionName } from '../policy/grammar.ts'
import type { Names } from '../policy/names.ts'
import { suggestCodes } from '../policy/suggest-code.ts'
import { attributesInWords, deprecationInWords } from '../policy/words.ts'
import { CommandError, EXIT } from './command-line/exit.ts'
import { columns, plain, type Terminal } from './command-line/terminal.ts'
import { codeSpan, tableCell } from './markdown-text.ts'
import { loadFolder, requireCandidate } from './policy-candidates.ts'

/** A permission, or a name and code that had a meaning once. */
type CodeRow =
  | ({ readonly reserved: false } & PermissionEntry)
  | { readonly reserved: true; readonly name: string; readonly code: string; readonly removed: string }

/** @throws CommandError (policy fault) with every fault when the files are faulty */
export async function printPolicyCodes(terminal: Terminal, directory: string, form: 'pretty' | 'json' | 'markdown'): Promise<void> {
  const { bundle, revision } = requireCandidate(terminal, await loadFolder(directory), form)
  const rows = codeRows(bundle)
  if (form === 'json') terminal.out(`${JSON.stringify({ revision, codes: rows }, undefined, 2)}\n`)
  else if (form === 'markdown') terminal.out(markdownTable(rows))
  else terminal.out(columns([HEADER.map((title) => title.toUpperCase()), ...rows.map((row) => cells(row).map(plain))]))
}

/** Works on faulty files, too: a catalogue is seldom whole while somebody adds to it. */
export async function printSuggestedCodes(
  terminal: Terminal,
  wanted: readonly string[],
  directory: string,
  form: 'pretty' | 'json',
): Promise<void> {
  const { names } = (await loadFolder(directory)).reading
  const codeOf = new Map([...names.codes].map(([code, { permission }]) => [permission, code]))
  for (const name of wanted) requireNewName(name, names)
  const asked = [...new Set(wanted)]
  const taken = new Set([
    ...names.permissions.keys(),
    ...names.codes.keys(),
    ...names.retired.keys(),
    ...names.roles.keys(),
    ...names.sets.keys(),
  ])
  const suggested = suggestCodes(
    asked.filter((name) => !codeOf.has(name)),
    taken,
  )
  const answers = asked.map((name) => ({ name, code: codeOf.get(name) ?? suggested.get(name) ?? '', known: codeOf.has(name) }))
  if (form === 'json') terminal.out(`${JSON.stringify({ codes: answers }, undefined, 2)}\n`)
  else terminal.out(columns(answers.map(({ name, code, known }) => [code, name, known ? 'has it already' : ''])))
}

function requireNewName(name: string, names: Names): void {
  if (!isPermissionName(name))
    throw new CommandError(
      EXIT.usage,
      `"${plain(name)}" is no permission name.`,
      didYouMean(name, names.permissions.keys()) ?? 'Two to five lower-case words with dots between, such as finance.invoice.read.',
    )
  if (names.retired.has(name))
    throw new CommandError(EXIT.usage, `"${name}" was removed once and gets no second meaning.`, 'Choose another name.')
}

function codeRows({ permissions, reserved }: PolicyBundle): readonly CodeRow[] {
  return [
    ...permissions.map((permission) => ({ reserved: false as const, ...permission })),
    ...reserved.map((tombstone) => ({ reserved: true as const, ...tombstone })),
  ].sort((a, b) => compareText(a.name, b.name))
}

const HEADER = ['code', 'name', 'title', 'service', 'owner', 'risk', 'stage', 'attributes', 'deprecated'] as const

function cells(row: CodeRow): readonly string[] {
  if (row.reserved) return [row.code, row.name, `reserved: removed ${row.removed}`, '', '', '', '', '', '']
  const attributes = Object.keys(row.attributes).length === 0 ? '' : attributesInWords(row.attributes)
  const deprecated = row.deprecated === undefined ? '' : deprecationInWords(row.deprecated)
  return [row.code, row.name, row.title, row.service, row.owner, row.risk, row.stage, attributes, deprecated]
}

function markdownTable(rows: readonly CodeRow[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |\n`
  const body = rows.map((row) => line(cells(row).map((cell) => tableCell(codeSpan(cell)))))
  return [line(HEADER), line(HEADER.map(() => '---')), ...body].join('')
}
