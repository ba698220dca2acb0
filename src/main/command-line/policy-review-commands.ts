/** policy diff, lint, codes: what policy files say and how two versions differ. Floor 6. */
import { type Command, Option } from 'commander'
import { POLICY_FOLDER_DEFAULT } from './default-folder.ts'
import { clientFor, examples, type ServiceOptions, withOutput, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface ReviewOptions extends ServiceOptions {
  readonly markdown?: boolean
}
interface LintOptions extends ServiceOptions {
  readonly live?: boolean
  readonly strict?: boolean
}
interface DiffOptions extends ReviewOptions {
  readonly path: string
  readonly exitCode?: boolean
}

const VERSIONS = `
A and B are each a folder (./policies), a revision of the service (active, or 8 hex digits and more of one),
or a git ref (git:main, git:HEAD~1:policies); any other word is tried as a git ref (main, v1). Nothing is checked out.`

export function addPolicyReviewCommands(group: Command, terminal: Terminal): void {
  examples(
    withMarkdown(
      withService(
        group
          .command('diff <A> [B]')
          .description('what differs from A to B (default ./policies): permissions of each role, conditions in words, codes, constraints')
          .option('--path <folder>', 'folder of the policy files in a commit that is named without one', POLICY_FOLDER_DEFAULT)
          .option('--exit-code', 'exit 1 when they differ')
          .addHelpText('after', VERSIONS)
          .action(async (before: string, after: string | undefined, options: DiffOptions) => {
            const { diffPolicyCommand } = await import('../policy-diff-report.ts')
            const needs = { path: options.path, client: () => clientFor(options, terminal.environment) }
            await diffPolicyCommand(terminal, [before, after ?? POLICY_FOLDER_DEFAULT], needs, {
              form: formOf(options),
              exitCode: options.exitCode === true,
            })
          }),
      ),
    ),
    [
      'castellan policy diff git:main ./policies',
      'castellan policy diff active ./policies --markdown',
      'castellan policy diff git:HEAD~1:policies git:HEAD:policies -o json',
    ],
  )
  addLintCommand(group, terminal)
  addCodesCommands(group, terminal)
}

function addLintCommand(group: Command, terminal: Terminal): void {
  examples(
    withService(
      group
        .command('lint [directory]')
        .description('what is sound and untidy: deprecated names in use, owners missing, permissions and sets in no role')
        .option('--live', 'ask the service which roles somebody holds: roles of nobody, and roles that no bundle has')
        .option('--strict', 'exit 3 when there is a finding')
        .action(async (directory: string | undefined, options: LintOptions) => {
          const { lintPolicyCommand } = await import('../policy-lint.ts')
          await lintPolicyCommand(terminal, directory ?? POLICY_FOLDER_DEFAULT, {
            form: options.output,
            strict: options.strict === true,
            ...(options.live === true ? { client: () => clientFor(options, terminal.environment) } : {}),
          })
        }),
    ),
    ['castellan policy lint', 'castellan policy lint ./policies --strict', 'castellan policy lint --live -o json'],
  )
}

function addCodesCommands(group: Command, terminal: Terminal): void {
  const codes = examples(
    withMarkdown(
      withOutput(
        group
          .command('codes [directory]')
          .description('the reference table of names and codes, reserved ones too')
          .action(async (directory: string | undefined, options: ReviewOptions) => {
            const { printPolicyCodes } = await import('../policy-codes.ts')
            await printPolicyCodes(terminal, directory ?? POLICY_FOLDER_DEFAULT, formOf(options))
          }),
      ),
    ),
    ['castellan policy codes', 'castellan policy codes ./policies --markdown > docs/permissions.md'],
  )
  examples(
    withOutput(
      codes
        .command('suggest <name...>')
        .description('codes for new permissions: their initials, or near them, and never one that has or had a meaning')
        .option('--policies <directory>', 'folder of the policy files', POLICY_FOLDER_DEFAULT)
        .action(async (names: readonly string[], options: { readonly policies: string }, command: Command) => {
          const { printSuggestedCodes } = await import('../policy-codes.ts')
          // `--output` is taken by `codes`, wherever it stands.
          const { output } = command.optsWithGlobals<ReviewOptions>()
          await printSuggestedCodes(terminal, names, options.policies, output)
        }),
    ),
    ['castellan policy codes suggest sales.quote.sign sales.quote.share'],
  )
}

function withMarkdown(command: Command): Command {
  return command.addOption(new Option('--markdown', 'as Markdown, for a pull request').conflicts('output'))
}

function formOf(options: ReviewOptions): 'pretty' | 'json' | 'markdown' {
  return options.markdown === true ? 'markdown' : options.output
}
