/** policy validate, test, schema: work on files alone, no service is asked. Floor 6. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { PolicyTestOptions } from '../test-policy.ts'
import { POLICY_FOLDER_DEFAULT } from './default-folder.ts'
import { addPolicyReleaseCommands } from './policy-release-commands.ts'
import { addPolicyReviewCommands } from './policy-review-commands.ts'
import { examples, withOutput } from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface OutputOptions {
  readonly output: 'pretty' | 'json'
}

export function addPolicyCommands(program: Command, terminal: Terminal): void {
  const group = program
    .command('policy')
    .description('check and test policy files, plan what they would do, publish, activate and roll back')
  examples(
    withOutput(
      group
        .command('validate [directory]')
        .description('find every fault of every file, with its place; exits 3 when there is one')
        .action(async (directory: string | undefined, options: OutputOptions) => {
          const { validatePolicy } = await import('../policy-files.ts')
          await validatePolicy(terminal, directory ?? POLICY_FOLDER_DEFAULT, options.output)
        }),
    ),
    ['castellan policy validate', 'castellan policy validate ./policies -o json'],
  )
  examples(
    group
      .command('test [directory]')
      .description('run and measure the policy tests beside the files; exits 4 when one fails, 5 when a demand is not met')
      .option('--verbose', 'name each test that passed, not only its file')
      .option('--no-mutation', 'do not try which changes of a cell of the roles the tests would notice')
      .option('--skeletons', 'write tests that would notice the others, as YAML, to standard output; the report goes to standard error')
      .option('--min-score <percent>', 'least mutation score: changes of a cell that the tests notice', parsePercent)
      .option('--min-coverage <percent>', 'least coverage: what roles grant that the tests ask about', parsePercent)
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['pretty', 'json', 'junit', 'github']).default('pretty'))
      .action(async (directory: string | undefined, options: PolicyTestOptions) => {
        const { testPolicy } = await import('../test-policy.ts')
        await testPolicy(terminal, directory ?? POLICY_FOLDER_DEFAULT, options)
      }),
    [
      'castellan policy test',
      'castellan policy test ./policies --min-score 100 -o github',
      'castellan policy test --skeletons > more.test.yaml   # not into the folder: a shell empties the file before the folder is read',
    ],
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

function parsePercent(text: string): number {
  const percent = /^\d{1,3}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (percent >= 0 && percent <= 100) return percent
  throw new InvalidArgumentError('It must be a number from 0 to 100.')
}
