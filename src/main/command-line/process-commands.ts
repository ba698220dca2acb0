/** dev, serve, identity, migrate, healthcheck: commands that are processes. Each loads its parts when it runs. Floor 6. */
import type { Command } from 'commander'
import { examples } from './service-command.ts'
import type { Terminal } from './terminal.ts'

export function addProcessCommands(program: Command, terminal: Terminal): void {
  examples(
    program
      .command('dev')
      .description('run everything in one process, on a database of its own, with samples; loopback only')
      .action(async () => {
        const { dev } = await import('../dev.ts')
        await dev(terminal)
      }),
    [
      'castellan dev',
      'CASTELLAN_HTTP_PORT=0 CASTELLAN_GRPC_PORT=0 CASTELLAN_IDENTITY_PORT=0 CASTELLAN_METRICS_PORT=0 castellan dev',
      'CASTELLAN_POLICIES=./my-policies castellan dev',
    ],
  )
  examples(
    program
      .command('serve')
      .description('run the decision service on PostgreSQL')
      .action(async () => {
        const { serve } = await import('../serve.ts')
        await serve(terminal)
      }),
    ['CASTELLAN_DATABASE_URL_FILE=/run/secrets/database-url CASTELLAN_POLICIES=/policies castellan serve'],
  )
  examples(
    program
      .command('identity')
      .description('run the identity service on PostgreSQL: login by mailed link, tokens, sessions')
      .action(async () => {
        const { identity } = await import('../identity.ts')
        await identity(terminal)
      }),
    [
      'CASTELLAN_DATABASE_URL_FILE=/run/secrets/database-url CASTELLAN_ISSUER=https://login.example.org … castellan identity   # the rest: docs/identity.md',
    ],
  )
  examples(
    program
      .command('migrate')
      .description("bring PostgreSQL to this version's schema; any number at once, one does the work")
      .option('--status', 'only say what is pending; exits 1 when something is')
      .action(async (options: { readonly status?: boolean }) => {
        const { migrateDatabase, printMigrationStatus } = await import('../migrate.ts')
        await (options.status === true ? printMigrationStatus(terminal) : migrateDatabase(terminal))
      }),
    ['CASTELLAN_DATABASE_URL=postgres://castellan@127.0.0.1/castellan castellan migrate', 'castellan migrate --status'],
  )
  examples(
    program
      .command('healthcheck')
      .description('ask the service on this machine whether it is ready (CASTELLAN_METRICS_HOST and _PORT); exits 0 or 1')
      .action(async () => {
        const { healthcheck } = await import('../healthcheck.ts')
        await healthcheck(terminal)
      }),
    ['castellan healthcheck', 'CASTELLAN_METRICS_PORT=9465 castellan healthcheck'],
  )
}
