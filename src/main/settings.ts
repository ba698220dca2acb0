/** Every setting of Castellan: its name, meaning and default. Read once a process, by the commands; the page docs/settings.md is written from it. Floor 6. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseRedisAddress, REDIS_ADDRESS_FORMS } from '../cache/redis-address.ts'
import { defaultedSetting, optionalSetting, readSettings, type Setting, type SettingFault, type SettingsOf } from '../ground/settings.ts'

/** An automation's first key must not be guessable: 32 characters are 128 bits even when written in hex. */
export const ADMIN_KEY_CHARACTERS_MIN = 32
/** Longer than any key of ours; keeps the header small. */
export const ADMIN_KEY_CHARACTERS_MAX = 512

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(least).max(most))

const port = (name: string, meaning: string, fallback: string): Setting<number> =>
  defaultedSetting({
    name,
    meaning,
    fallback,
    accepts: 'a port, 0 to 65535 (0 takes a free one and prints it)',
    schema: wholeNumber(0, 65_535),
  })

const host = (name: string, meaning: string): Setting<string> =>
  defaultedSetting({
    name,
    meaning,
    fallback: '127.0.0.1',
    accepts: 'an address of this machine; `0.0.0.0` or `::` is all of them',
    schema: z.string().regex(/^[0-9A-Za-z.:-]{1,253}$/),
  })

const path = z.string().min(1).max(4_096)
const redisAddress = z.string().transform((text, context) => {
  const address = parseRedisAddress(text)
  if (address !== undefined) return address
  // Without the text: it may hold a password.
  context.addIssue({ code: 'custom', message: 'is not an address of Redis' })
  return z.NEVER
})
/** What may stand after `Bearer` (RFC 6750): a key of other characters could never be presented. */
const keyText = z.string().regex(/^[A-Za-z0-9\-._~+/]+=*$/)

export const settingTable = {
  httpHost: host('CASTELLAN_HTTP_HOST', 'Address on which HTTP listens. `castellan dev` binds loopback only.'),
  httpPort: port('CASTELLAN_HTTP_PORT', 'Port of HTTP: decisions, administration, API page.', '8080'),
  grpcHost: host('CASTELLAN_GRPC_HOST', 'Address on which gRPC listens. `castellan dev` binds loopback only.'),
  grpcPort: port('CASTELLAN_GRPC_PORT', 'Port of gRPC: decisions, administration, health, reflection.', '9090'),
  metricsHost: host('CASTELLAN_METRICS_HOST', 'Address on which probes and metrics listen; they ask for no key.'),
  metricsPort: port('CASTELLAN_METRICS_PORT', 'Port of `/livez`, `/readyz` and `/metrics`.', '9464'),
  databaseUrl: optionalSetting({
    name: 'CASTELLAN_DATABASE_URL',
    meaning: 'PostgreSQL for `serve` and `migrate`, which require it; `dev` keeps its own database and refuses it.',
    accepts: '`postgres://user:password@host:port/database`',
    schema: z.url({ protocol: /^postgres(ql)?$/ }),
    secret: true,
  }),
  databasePoolMax: defaultedSetting({
    name: 'CASTELLAN_DATABASE_POOL_MAX',
    meaning: 'Most connections to PostgreSQL of one process.',
    accepts: 'a whole number, 1 to 200',
    schema: wholeNumber(1, 200),
    fallback: '10',
  }),
  redisUrl: optionalSetting({
    name: 'CASTELLAN_REDIS_URL',
    meaning:
      'Redis or Valkey for `serve`: access states that replicas share, and a bell that makes them read changes at once. It may go away at any time: slower, never wrong.',
    accepts: REDIS_ADDRESS_FORMS,
    schema: redisAddress,
    fallbackMeaning: 'none: each replica keeps its own',
    secret: true,
  }),
  redisTlsCaFile: optionalSetting({
    name: 'CASTELLAN_REDIS_TLS_CA_FILE',
    meaning: 'Authorities (PEM) that vouch for the certificate of Redis.',
    accepts: 'a path',
    schema: path,
    fallbackMeaning: 'those that Node trusts',
  }),
  cacheMebibytes: defaultedSetting({
    name: 'CASTELLAN_CACHE_MEBIBYTES',
    meaning: 'Memory for access states in each process.',
    accepts: 'whole mebibytes, 1 to 16384',
    schema: wholeNumber(1, 16_384),
    fallback: '128',
  }),
  dataDir: defaultedSetting({
    name: 'CASTELLAN_DATA_DIR',
    meaning: 'Folder in which `castellan dev` keeps its database and its development key; on a local disk, for one process at a time.',
    accepts: 'a path',
    schema: path,
    fallback: './.castellan',
  }),
  policies: optionalSetting({
    name: 'CASTELLAN_POLICIES',
    meaning: 'Folder of policy files; re-read when it changes, and on SIGHUP.',
    accepts: 'a path',
    schema: path,
    fallbackMeaning: '`./policies`; `castellan dev` takes the packaged samples when there is none',
  }),
  policyPollSeconds: defaultedSetting({
    name: 'CASTELLAN_POLICY_POLL_SECONDS',
    meaning: 'How often the folder of policy files is compared with what is in force.',
    accepts: 'whole seconds, 1 to 3600',
    schema: wholeNumber(1, 3_600),
    fallback: '2',
  }),
  adminKey: optionalSetting({
    name: 'CASTELLAN_ADMIN_KEY',
    meaning: 'Key of a first administrator with every scope, for automation that makes the other callers; remove it afterwards.',
    accepts: `${ADMIN_KEY_CHARACTERS_MIN} to ${ADMIN_KEY_CHARACTERS_MAX} letters, digits and \`-._~+/\` (base64 is fine)`,
    schema: keyText.min(ADMIN_KEY_CHARACTERS_MIN).max(ADMIN_KEY_CHARACTERS_MAX),
    fallbackMeaning: 'none; `castellan dev` makes a random one',
    secret: true,
  }),
  strictSubjects: defaultedSetting({
    name: 'CASTELLAN_STRICT_SUBJECTS',
    meaning: 'Whether users and tenants must be put before an assignment may name them; otherwise the assignment creates them.',
    accepts: '`true` or `false`',
    schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
    fallback: 'false',
  }),
  tlsCertFile: optionalSetting({
    name: 'CASTELLAN_TLS_CERT_FILE',
    meaning: 'Certificate chain (PEM) of both wires; together with the key.',
    accepts: 'a path',
    schema: path,
    fallbackMeaning: 'no TLS',
  }),
  tlsKeyFile: optionalSetting({
    name: 'CASTELLAN_TLS_KEY_FILE',
    meaning: 'Private key (PEM) of the certificate.',
    accepts: 'a path',
    schema: path,
    fallbackMeaning: 'no TLS',
  }),
  tlsClientCaFile: optionalSetting({
    name: 'CASTELLAN_TLS_CLIENT_CA_FILE',
    meaning: 'Authorities (PEM) whose client certificates are required (mutual TLS); the caller key is required beside it.',
    accepts: 'a path',
    schema: path,
    fallbackMeaning: 'no client certificates',
  }),
  connectionAgeSeconds: defaultedSetting({
    name: 'CASTELLAN_CONNECTION_AGE_SECONDS',
    meaning:
      'After this long a connection of either wire is asked to reconnect, so that load balancers can spread callers over new replicas.',
    accepts: 'whole seconds, 1 to 86400',
    schema: wholeNumber(1, 86_400),
    fallback: '300',
  }),
  stopSettleSeconds: defaultedSetting({
    name: 'CASTELLAN_STOP_SETTLE_SECONDS',
    meaning: 'After SIGTERM: how long `serve` answers on while reporting not ready, so that load balancers stop sending.',
    accepts: 'whole seconds, 0 to 60',
    schema: wholeNumber(0, 60),
    fallback: '3',
  }),
  logLevel: optionalSetting({
    name: 'CASTELLAN_LOG_LEVEL',
    meaning: 'Least level that is logged.',
    accepts: '`trace`, `debug`, `info`, `warn`, `error` or `silent`',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
    fallbackMeaning: '`info`; `castellan dev`: `warn`',
  }),
  url: defaultedSetting({
    name: 'CASTELLAN_URL',
    meaning: 'Service that the command line talks to (`--url`).',
    accepts: 'an address beginning with `http://` or `https://`',
    schema: z.url({ protocol: /^https?$/ }),
    fallback: 'http://127.0.0.1:8080',
  }),
  key: optionalSetting({
    name: 'CASTELLAN_KEY',
    meaning: 'Caller key that the command line presents (`--key`).',
    accepts: 'a caller key',
    schema: keyText.max(8_192),
    secret: true,
  }),
} as const

export type Settings = SettingsOf<typeof settingTable>
export type Environment = Readonly<Record<string, string | undefined>>

/** For `castellan dev`. @throws SettingsError */
export function readDevSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, {
    prefix: 'CASTELLAN_',
    rules: [tlsRule, redisRule, (values) => devRule(values, environment)],
  })
}

/** For `castellan serve`. @throws SettingsError */
export function readServeSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, { prefix: 'CASTELLAN_', rules: [tlsRule, redisRule], required: ['databaseUrl'] })
}

/** For `castellan migrate`. @throws SettingsError */
export function readMigrateSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, { prefix: 'CASTELLAN_', required: ['databaseUrl'] })
}

/** For commands that talk to a service. @throws SettingsError */
export function readClientSettings(environment: Environment): Settings {
  return readSettings(settingTable, environment, { prefix: 'CASTELLAN_' })
}

function tlsRule(values: Partial<Settings>): readonly SettingFault[] {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = values
  const faults: SettingFault[] = []
  if (tlsCertFile !== undefined && tlsKeyFile === undefined)
    faults.push({ name: settingTable.tlsKeyFile.name, message: `is required beside ${settingTable.tlsCertFile.name}` })
  if (tlsKeyFile !== undefined && tlsCertFile === undefined)
    faults.push({ name: settingTable.tlsCertFile.name, message: `is required beside ${settingTable.tlsKeyFile.name}` })
  if (tlsClientCaFile !== undefined && tlsCertFile === undefined && tlsKeyFile === undefined)
    faults.push({ name: settingTable.tlsClientCaFile.name, message: 'asks for client certificates, and TLS itself is off' })
  return faults
}

function redisRule({ redisUrl, redisTlsCaFile }: Partial<Settings>): readonly SettingFault[] {
  if (redisTlsCaFile === undefined || redisUrl?.tls === true) return []
  return [{ name: settingTable.redisTlsCaFile.name, message: `is for TLS, which ${settingTable.redisUrl.name} asks for by \`rediss\`` }]
}

/** Development mode prints a key of every scope and runs on a database without a server: never where others can reach it. */
function devRule(values: Partial<Settings>, environment: Environment): readonly SettingFault[] {
  const faults: SettingFault[] = []
  if (environment['NODE_ENV'] === 'production')
    faults.push({ name: 'NODE_ENV', message: 'is production, and `castellan dev` is for development only; run `castellan serve`' })
  if (values.databaseUrl !== undefined)
    faults.push({
      name: settingTable.databaseUrl.name,
      message: '`castellan dev` keeps its own database and would not use this one; run `castellan serve`, or unset it',
    })
  if (values.redisUrl !== undefined)
    faults.push({
      name: settingTable.redisUrl.name,
      message: '`castellan dev` is one process that shares nothing, and would not use it; run `castellan serve`, or unset it',
    })
  for (const key of ['httpHost', 'grpcHost', 'metricsHost'] as const) {
    const address = values[key]
    if (address !== undefined && !isLoopback(address))
      faults.push({
        name: settingTable[key].name,
        message: `\`castellan dev\` binds loopback only, not ${address}; run \`castellan serve\``,
      })
  }
  return faults
}

/** Whether an address to listen on is reachable from this machine alone. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}
