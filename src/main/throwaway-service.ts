/** A development service for one run of a command: in this process, in memory, on free ports of loopback. Leaves nothing behind. Floor 6. */
import { generateKeyPairSync } from 'node:crypto'
import { systemClock } from '../ground/clock.ts'
import { openLog } from '../ground/log.ts'
import { openMetrics } from '../ground/metrics.ts'
import { systemRandom } from '../ground/random.ts'
import { IDENTITY_SECRET_BYTES } from '../model/identity-limits.ts'
import { readPreparedDatabase } from '../store/prepared-database.ts'
import { choosePolicies } from './choose-policies.ts'
import type { Terminal } from './command-line/terminal.ts'
import { decisionLogPlanFrom } from './decision-log-plan.ts'
import { type Facts, seedFacts } from './facts-file.ts'
import { identityPlanFrom } from './identity-plan.ts'
import { openService } from './open-service.ts'
import { seedSamples } from './seed.ts'
import { seedDemoClient } from './seed-identity.ts'
import { addressOf, planFrom } from './service-plan.ts'
import type { Environment } from './setting-table.ts'
import { readDevSettings } from './settings.ts'
import { exitOnEscapedFault } from './signals.ts'

export interface ThrowawayService {
  readonly policies: string
  /** What finds it, by the names of the settings that find a service. Holds its key. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** As hard to guess as any caller's key. */
const KEY_BYTES = 32
/** `aud` of what it issues, as of a development service. */
const AUDIENCE = 'castellan'
/** The only settings of the surroundings that it takes: what else is set there is meant for another service. */
const TAKEN = ['CASTELLAN_POLICIES', 'CASTELLAN_LOG_LEVEL', 'CASTELLAN_STRICT_SUBJECTS', 'CASTELLAN_ACCESS_TOKEN_SECONDS', 'NODE_ENV']
const FREE_PORTS = {
  CASTELLAN_HTTP_PORT: '0',
  CASTELLAN_GRPC_PORT: '0',
  CASTELLAN_IDENTITY_PORT: '0',
  CASTELLAN_METRICS_PORT: '0',
}

/**
 * Is ready when it resolves.
 * @param facts in place of the samples; absent: the samples, where the policy has their roles
 * @throws SettingsError, PolicyFolderError, AppError for a fact that is refused
 */
export async function openThrowawayService(
  terminal: Terminal,
  chosen: { readonly policies: string | undefined; readonly facts: Facts | undefined },
): Promise<ThrowawayService> {
  const environment = settingsOf(terminal.environment)
  const settings = readDevSettings(environment)
  const policies = choosePolicies(chosen.policies ?? settings.policies)
  // Standard error is the command's: a slow machine is no news there.
  const log = openLog(settings.logLevel ?? 'error', { write: (line) => terminal.err(line) })
  exitOnEscapedFault(process, log)
  const adminKey = Buffer.from(systemRandom.bytes(KEY_BYTES)).toString('base64url')
  const plan = planFrom(settings)
  const image = await readPreparedDatabase()
  const service = await openService(
    {
      ...plan,
      decisionLog: decisionLogPlanFrom(settings, environment, 'postgres'),
      database: {
        kind: 'pglite',
        ...(image === undefined
          ? {}
          : { archive: new Blob([new Uint8Array(image.buffer as ArrayBuffer, image.byteOffset, image.length)]) }),
      },
      schema: 'migrate',
      checkpoints: { intervalMs: settings.auditCheckpointMinutes * 60_000, key: generateKeyPairSync('ed25519').privateKey },
      policies: { source: 'directory', directory: policies, pollMs: settings.policyPollSeconds * 1_000 },
      adminKey,
      settleMs: 0,
    },
    { clock: systemClock, random: systemRandom, log, metrics: openMetrics() },
    {
      ...identityPlanFrom(settings),
      tls: undefined,
      issuer: undefined,
      audience: AUDIENCE,
      secrets: [systemRandom.bytes(IDENTITY_SECRET_BYTES)],
      adminKey,
      mail: 'mailbox',
    },
  )
  try {
    const { identity } = service
    if (identity !== undefined) await seedDemoClient(identity.administration, identity.issuer)
    if (chosen.facts === undefined) await seedSamples(service.administration, service.policy(), terminal.nowMs())
    else await seedFacts(service.administration, chosen.facts)
    service.ready()
    return {
      policies,
      environment: {
        CASTELLAN_URL: `http://${addressOf(settings.httpHost, service.ports.http)}`,
        CASTELLAN_GRPC_TARGET: addressOf(settings.grpcHost, service.ports.grpc),
        CASTELLAN_IDENTITY_URL: identity?.issuer ?? '',
        CASTELLAN_KEY: adminKey,
      },
      stop: () => service.stop(),
    }
  } catch (fault) {
    await service.stop()
    throw fault
  }
}

function settingsOf(environment: Environment): Environment {
  return { ...Object.fromEntries(TAKEN.map((name) => [name, environment[name]])), ...FREE_PORTS }
}
