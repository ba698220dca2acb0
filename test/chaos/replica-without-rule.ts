/** `castellan serve` with the validity rule switched off: what the chaos run has to notice. Nothing of the product leads here. */

// The compiled product, whose types are those of its sources: compiling it once more at each start would take longer than the run.
const built = <T>(module: string): Promise<T> => import(new URL(`../../dist/src/${module}.js`, import.meta.url).href)
const { systemClock } = await built<typeof import('../../src/ground/clock.ts')>('ground/clock')
const { openLog } = await built<typeof import('../../src/ground/log.ts')>('ground/log')
const { openMetrics } = await built<typeof import('../../src/ground/metrics.ts')>('ground/metrics')
const { systemRandom } = await built<typeof import('../../src/ground/random.ts')>('ground/random')
const { openService } = await built<typeof import('../../src/main/open-service.ts')>('main/open-service')
const { planFrom, policiesFrom } = await built<typeof import('../../src/main/service-plan.ts')>('main/service-plan')
const { readServeSettings } = await built<typeof import('../../src/main/settings.ts')>('main/settings')
const { runUntilSignal } = await built<typeof import('../../src/main/signals.ts')>('main/signals')

const settings = readServeSettings(process.env)
const log = openLog('info')
const service = await openService(
  {
    ...planFrom(settings),
    database: { kind: 'postgres', url: settings.databaseUrl ?? '', poolMax: settings.databasePoolMax, warn: (text) => log.warn(text) },
    schema: 'require',
    policies: policiesFrom(settings, { source: 'published', directory: './policies' }),
    adminKey: settings.adminKey,
    settleMs: 0,
  },
  // Whatever is kept is taken to hold.
  { clock: systemClock, random: systemRandom, log, metrics: openMetrics(), holds: () => true },
)
const stopped = runUntilSignal(process, {
  log,
  reload: () => service.reloadPolicies(),
  settleMs: 0,
  stop: () => service.stop(),
  exit: process.exit,
})
service.ready()
log.info({ ports: service.ports }, 'ready')
await stopped
