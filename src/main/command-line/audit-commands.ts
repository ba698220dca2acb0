/** audit …: what was changed, and the proof that nobody rewrote it. Floor 6. */
import { type Command, Option } from 'commander'
import { AUDIT_ACTIONS } from '../../model/records.ts'
import { CommandError, EXIT } from './exit.ts'
import { parseInstant } from './instant.ts'
import { prettyTable, text } from './pretty.ts'
import { openProgress } from './progress.ts'
import { path } from './service-client.ts'
import { clientFor, examples, listAll, printAnswer, type ServiceOptions, withLimit, withOutput, withService } from './service-command.ts'
import type { Terminal } from './terminal.ts'

interface ListOptions extends ServiceOptions {
  readonly tenant?: string
  readonly user?: string
  readonly actor?: string
  readonly action?: string
  readonly since?: string
  readonly until?: string
  readonly limit: number
}
interface ExportOptions extends Omit<ServiceOptions, 'output'> {
  readonly format: 'csv' | 'json'
  readonly file?: string
}
interface VerifyOptions extends Omit<ServiceOptions, 'key'> {
  readonly callerKey?: string
  readonly checkpoints?: readonly string[]
  readonly key?: readonly string[]
  readonly sinceCheckpoint?: boolean
  readonly upgradedThrough?: number
  readonly file?: string
}

export function addAuditCommands(program: Command, terminal: Terminal): void {
  const group = program.command('audit').description('read the record of changes, and verify it; the key needs the scope audit')
  addList(group, terminal)
  addVerify(group, terminal)
  addExport(group, terminal)
  addKey(group, terminal)
}

function addList(group: Command, terminal: Terminal): void {
  const list = group
    .command('list')
    .description('list changes, newest first')
    .option('--tenant <tenant>')
    .option('--user <user>')
    .option('--actor <caller>', 'id of the caller that changed')
    .addOption(new Option('--action <action>', 'what was done').choices(AUDIT_ACTIONS))
    .option('--since <time>', 'from this instant')
    .option('--until <time>', 'until just before this instant')
    .action(async (options: ListOptions) => {
      const instant = async (option: '--since' | '--until', text: string | undefined) =>
        text === undefined ? undefined : new Date(await parseInstant(option, text, terminal.nowMs())).toISOString()
      const { tenant, user, actor, action } = options
      const [since, until] = [await instant('--since', options.since), await instant('--until', options.until)]
      const filter = { tenant, user, actor, action, since, until }
      const client = await clientFor(options, terminal.environment)
      const answer = await listAll(client, path('audit'), 'entries', options.limit, filter)
      printAnswer(terminal, options, answer, (one) =>
        prettyTable(one, 'entries', ['AT', 'ACTION', 'RESULT', 'ACTOR', 'TENANT', 'USER', 'REASON'], (entry) =>
          ['at', 'action', 'result', 'actorName', 'tenant', 'user', 'reason'].map((field) => text(entry, field)),
        ),
      )
    })
  examples(withLimit(withService(list)), [
    'castellan audit list --tenant acme',
    'castellan audit list --action assignment.grant --since 2026-11-01T00:00:00Z',
  ])
}

function addVerify(group: Command, terminal: Terminal): void {
  const verify = group
    .command('verify')
    .description(
      'verify that no record was changed, deleted, inserted, moved or cut off; names the first that is broken in each chain; exits 0 or 1',
    )
    .option('--checkpoints <file...>', 'checkpoints that were kept elsewhere: lines of the log of a service, or one JWS a line')
    .option('--key <file...>', 'public key of the checkpoints (PEM, or a JWK set); all that have signed, when it was changed')
    .option('--since-checkpoint', 'of chains only what came after the youngest of --checkpoints, whose signature --key has to verify')
    .option('--upgraded-through <id>', 'until this record processes of a version without chains wrote, beside newer ones', parseRecordId)
    .option('--file <export>', 'verify an export (audit export --format json) instead of a service; asks nobody')
    .option('--url <url>', 'service to talk to (CASTELLAN_URL; default http://127.0.0.1:8080)')
    .option('--caller-key <key>', 'caller key (better: CASTELLAN_KEY or CASTELLAN_KEY_FILE)')
    .action(async (options: VerifyOptions) => {
      const { checkpoints = [], key, sinceCheckpoint = false, upgradedThrough, file, callerKey, ...rest } = options
      if (sinceCheckpoint && checkpoints.length === 0)
        throw new CommandError(EXIT.usage, '--since-checkpoint: needs --checkpoints, to know where to begin.')
      if (sinceCheckpoint && key === undefined)
        throw new CommandError(EXIT.usage, '--since-checkpoint: needs --key: what came before is believed for the signature alone.')
      const [{ verifySource, readKeyFiles, prettyVerification, verificationJson }, { readKeptCheckpoints, exportedAuditSource }] =
        await Promise.all([import('../audit-report/verify.ts'), import('../audit-report/read-export.ts')])
      const { serviceAuditSource } = await import('../audit-report/audit-source.ts')
      const keys = key === undefined ? undefined : await readKeyFiles(key)
      const kept = await readKeptCheckpoints(checkpoints)
      const source =
        file === undefined
          ? serviceAuditSource(await clientFor({ ...rest, ...(callerKey === undefined ? {} : { key: callerKey }) }, terminal.environment))
          : exportedAuditSource(file)
      const progress = openProgress(terminal, 'verifying: records')
      const verification = await verifySource(source, { kept, keys, sinceKept: sinceCheckpoint, upgradedThrough }, progress.tell).finally(
        progress.wipe,
      )
      terminal.out(
        options.output === 'json'
          ? `${JSON.stringify(verificationJson(verification), undefined, 2)}\n`
          : prettyVerification(terminal, verification),
      )
      if (verification.findings.length > 0) throw new CommandError(EXIT.fault, 'The audit is not as it was written.')
    })
  examples(withOutput(verify), [
    'castellan audit verify',
    'castellan audit verify --checkpoints /safe/castellan.log --key audit.pem',
    'castellan audit verify --checkpoints /safe/castellan.log --key audit.pem --since-checkpoint',
    'castellan audit verify --file audit.jsonl --checkpoints /safe/castellan.log --key audit.pem',
  ])
}

/** @throws CommandError (usage) */
function parseRecordId(text: string): number {
  const id = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(id))
    throw new CommandError(EXIT.usage, '--upgraded-through: must be the id of a record.')
  return id
}

function addExport(group: Command, terminal: Terminal): void {
  const command = group
    .command('export')
    .description('write all records with their hashes: JSON lines, which audit verify --file verifies, or CSV, safe for spreadsheets')
    .addOption(new Option('--format <format>', 'form of the file').choices(['csv', 'json']).default('json'))
    .option('--file <file>', 'where to (default: standard output); for its owner alone, and there only when it is whole')
    .option('--url <url>', 'service to talk to (CASTELLAN_URL; default http://127.0.0.1:8080)')
    .option('--key <key>', 'caller key (better: CASTELLAN_KEY or CASTELLAN_KEY_FILE)')
    .action(async (options: ExportOptions) => {
      const [{ exportAudit }, { writeWhole }] = await Promise.all([
        import('../audit-report/export-audit.ts'),
        import('../audit-report/write-whole.ts'),
      ])
      const client = await clientFor({ ...options, output: 'json' }, terminal.environment)
      const progress = openProgress(terminal, 'exporting: records')
      const pieces = exportAudit(client, options.format, terminal.nowMs(), progress.tell)
      await writeWhole(terminal, options.file, pieces).finally(progress.wipe)
    })
  examples(command, ['castellan audit export --file audit.jsonl', 'castellan audit export --format csv --file audit.csv'])
}

function addKey(group: Command, terminal: Terminal): void {
  const command = group
    .command('key')
    .description('print the public key of CASTELLAN_AUDIT_KEY_FILE (PEM), for who verifies; its id goes to standard error')
    .action(async () => {
      const [{ readClientSettings }, { publicAuditKey }] = await Promise.all([
        import('../settings.ts'),
        import('../../token/checkpoint-jws.ts'),
      ])
      const { auditKey } = readClientSettings(terminal.environment)
      if (auditKey === undefined)
        throw new CommandError(
          EXIT.usage,
          'CASTELLAN_AUDIT_KEY_FILE is not set.',
          'It names the private key of the service: openssl genpkey -algorithm ed25519 -out audit-key.pem makes one.',
        )
      const { keyId, pem } = await publicAuditKey(auditKey)
      terminal.out(pem)
      terminal.err(`key id: ${keyId}\n`)
    })
  examples(command, [
    'CASTELLAN_AUDIT_KEY_FILE=/run/secrets/audit-key castellan audit key > audit.pem',
    'CASTELLAN_AUDIT_KEY_FILE=.castellan/development-audit-key castellan audit key',
  ])
}
