/** dev, run, serve, identity, migrate, healthcheck: commands that are processes. Each loads its parts when it runs. Floor 6. */
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
      .command('run')
      .description('run a test command beside a service of its own: in memory, on free ports, with samples; gone when the command ends')
      .argument('<command...>', 'what to run, after --')
      .option('--policies <folder>', 'policy files (CASTELLAN_POLICIES; default ./policies, else the packaged samples)')
      .option('--facts <file>', 'JSON of tenants, users and grants to begin with, in place of the samples')
      .showHelpAfterError('(put -- before the test command: castellan run -- npm test; add --help for more)')
      .action(async (command: readonly string[], options: { readonly policies?: string; readonly facts?: string }) => {
        const { runBesideService } = await import('../run.ts')
        await runBesideService(terminal, command, options)
      })
      .addHelpText('after', RUN_HELP),
    [
      'castellan run -- npm test',
      'castellan run --policies ./policies --facts test/facts.json -- npx jest --runInBand',
      `castellan run -- sh -c 'npx castellan check ann acme sales.quote.create'`,
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

const RUN_HELP = `
The command finds the service by its environment:
  CASTELLAN_URL           HTTP, as http://127.0.0.1:41234
  CASTELLAN_GRPC_TARGET   gRPC, as 127.0.0.1:41235
  CASTELLAN_IDENTITY_URL  the identity service: issuer of tokens for the audience "castellan", with its mailbox at /dev/mailbox
  CASTELLAN_KEY           a key of every scope; it is good for this run alone, and printed nowhere
Of your own CASTELLAN_ settings the service takes _POLICIES, _LOG_LEVEL, _STRICT_SUBJECTS and _ACCESS_TOKEN_SECONDS; others are not for it.

Facts, each list optional; from and until are instants, or durations from now such as PT2H:
  { "tenants": [{ "tenant": "acme", "attributes": {}, "suspended": false }],
    "users": [{ "user": "ann", "attributes": {}, "deactivated": false }],
    "grants": [{ "user": "ann", "tenant": "acme", "role": "salesperson", "until": "P7D" }] }

Exit code: the command's own; 128 + n when signal n ended it, 127 when there is no such command, 126 when it may not be run.
1 or 2 with words on standard error, and nothing run, when the service does not come up.`
