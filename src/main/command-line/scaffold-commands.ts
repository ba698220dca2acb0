/** init, codegen: what a team writes once, and what is generated for its code. Floor 6. */
import type { Command } from 'commander'
import { POLICY_FOLDER_DEFAULT } from './default-folder.ts'
import { examples } from './service-command.ts'
import type { Terminal } from './terminal.ts'

export function addScaffoldCommands(program: Command, terminal: Terminal): void {
  examples(
    program
      .command('init [folder]')
      .description('write a folder of policy files to begin with, with tests, editor schema and a workflow; overwrites nothing')
      .action(async (folder: string | undefined) => {
        const { initPolicies } = await import('../init.ts')
        await initPolicies(terminal, folder ?? POLICY_FOLDER_DEFAULT)
      }),
    ['castellan init', 'castellan init ./policies'],
  )
  examples(
    program
      .command('codegen [directory]')
      .description('TypeScript of the permission and role names, so that a wrong name does not compile')
      .option('--out <file>', 'write there, not to standard output')
      .option('--check', 'write nothing; exit 1 when the file is not what the policy says now')
      .action(async (directory: string | undefined, options: { readonly out?: string; readonly check?: boolean }) => {
        const { generateTypescript } = await import('../codegen.ts')
        await generateTypescript(terminal, directory ?? POLICY_FOLDER_DEFAULT, {
          ...(options.out === undefined ? {} : { out: options.out }),
          check: options.check === true,
        })
      }),
    ['castellan codegen ./policies --out src/permissions.ts', 'castellan codegen ./policies --out src/permissions.ts --check'],
  )
}
