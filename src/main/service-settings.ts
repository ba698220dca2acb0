/** Settings of the decision service, and those that both services share. Its table is a part of settings.ts. Floor 6. */
import { z } from 'zod'
import { REDIS_ADDRESS_FORMS } from '../cache/redis-address.ts'
import { defaultedSetting, optionalSetting } from '../ground/settings.ts'
import { METRIC_TENANTS_MAX } from '../model/observation-limits.ts'
import { WORKERS_MAX } from '../model/process-limits.ts'
import { flag, host, keyText, path, port, redisAddress, tenantList, wholeNumber, workerCount } from './setting-forms.ts'

/** An automation's first key must not be guessable: 32 characters are 128 bits even when written in hex. */
export const ADMIN_KEY_CHARACTERS_MIN = 32
/** Longer than any key of ours; keeps the header small. */
export const ADMIN_KEY_CHARACTERS_MAX = 512

export const serviceSettings = {
  httpHost: host('CASTELLAN_HTTP_HOST', 'Address on which HTTP listens. `castellan dev` binds loopback only.'),
  httpPort: port('CASTELLAN_HTTP_PORT', 'Port of HTTP: decisions, administration, API page.', '8080'),
  grpcHost: host('CASTELLAN_GRPC_HOST', 'Address on which gRPC listens. `castellan dev` binds loopback only.'),
  grpcPort: port('CASTELLAN_GRPC_PORT', 'Port of gRPC: decisions, administration, health, reflection.', '9090'),
  metricsHost: host('CASTELLAN_METRICS_HOST', 'Address on which probes and metrics listen; they ask for no key.'),
  metricsPort: port('CASTELLAN_METRICS_PORT', 'Port of `/livez`, `/readyz` and `/metrics`.', '9464'),
  metricsTenants: defaultedSetting({
    name: 'CASTELLAN_METRICS_TENANTS',
    meaning: 'Tenants whose decisions `/metrics` counts apart. No other tenant is named there, for there may be any number of them.',
    accepts: `ids of tenants, separated by commas, at most ${METRIC_TENANTS_MAX}`,
    schema: tenantList,
    fallback: '',
    fallbackMeaning: 'none',
  }),
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
  workers: optionalSetting({
    name: 'CASTELLAN_WORKERS',
    meaning:
      'Processes of `serve` that share its ports. Each is a replica, so what a setting says of each process holds for each of them: memory for access states, connections to PostgreSQL, the file of the decision log.',
    accepts: `\`auto\` (as many as there are processors that it may use), or a whole number, 1 to ${WORKERS_MAX}`,
    schema: workerCount,
    fallbackMeaning: '1: no other process',
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
  policySource: optionalSetting({
    name: 'CASTELLAN_POLICY_SOURCE',
    meaning:
      'What says which policy is in force. `directory`: the files of a folder, which is watched. `published`: what was published and activated (`castellan policy publish`); a folder gives at most the first one. The same for all replicas.',
    accepts: '`directory` or `published`',
    schema: z.enum(['directory', 'published']),
    fallbackMeaning: '`published`; `castellan dev`: `directory`',
  }),
  policies: optionalSetting({
    name: 'CASTELLAN_POLICIES',
    meaning:
      'Folder of policy files. Where the folder rules: re-read when it changes, and on SIGHUP. Where published revisions rule: read once, when no policy was ever in force.',
    accepts: 'a path',
    schema: path,
    fallbackMeaning: '`./policies` where the folder rules, else none; `castellan dev` takes the packaged samples when there is none',
  }),
  policyPollSeconds: defaultedSetting({
    name: 'CASTELLAN_POLICY_POLL_SECONDS',
    meaning: 'How often the folder of policy files, where it rules, is compared with what is in force.',
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
    schema: flag,
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
} as const
