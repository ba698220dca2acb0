/** policy validate, test, schema: work on files alone, no service is asked. Floor 6. */
import type { Command } from 'commander'
import { addPolicyReleaseCommands } from './policy-release-commands.ts'
import { addPolicyReviewCommands } from './policy-review-commands.ts'
import { examples, withOutput } from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface OutputOptions {
  readonly output: 'pretty' | 'json'
}

export function addPolicyCommands(program: Command, terminal: Terminal): void {
  const group = program.command('policy').description('check and test policy files')
  examples(
    withOutput(
      group
        .command('validate [directory]')
        .description('find every fault of every file, with its place; exits 3 when there is one')
        .action(async (directory: string | undefined, options: OutputOptions) => {
          const { validatePolicy } = await import('../policy-files.ts')
          await validatePolicy(terminal, directory ?? DIRECTORY, options.output)
        }),
    ),
    ['castellan policy validate', 'castellan policy validate ./policies -o json'],
  )
  examples(
    withOutput(
      group
        .command('test [directory]')
        .description('run the policy tests beside the files; exits 4 when one fails')
        .action(async (directory: string | undefined, options: OutputOptions) => {
          const { testPolicy } = await import('../policy-files.ts')
          await testPolicy(terminal, directory ?? DIRECTORY, options.output)
        }),
    ),
    ['castellan policy test', 'castellan policy test ./policies -o json'],
  )
  examples(
    group
      .command('schema')
      .description('print the JSON Schema of policy files, for editors')
      .action(async () => {
        const { printPolicySchema } = await import('../policy-files.ts')
        printPolicySchema(terminal)
      }),
    ['castellan policy schema > policies/schema.json'],
  )
  addPolicyReviewCommands(group, terminal)
  addPolicyReleaseCommands(group, terminal)
}

const DIRECTORY = './policies'
