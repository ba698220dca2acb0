/** Which sinks settings mean; half settings refuse to start, each fault by its name. */
import { describe, expect, it } from '@jest/globals'
import { SettingsError } from '../../src/ground/settings.ts'
import { decisionLogPlanFrom } from '../../src/main/decision-log-plan.ts'
import { readDevSettings, readServeSettings } from '../../src/main/settings.ts'

const SERVE = { CASTELLAN_DATABASE_URL: 'postgres://castellan:pass@127.0.0.1/castellan' }
const plan = (environment: Record<string, string>) =>
  decisionLogPlanFrom(readServeSettings({ ...SERVE, ...environment }), { ...SERVE, ...environment }, 'stdout')

function faultsOf(environment: Record<string, string>): readonly (readonly [string, string])[] {
  try {
    plan(environment)
  } catch (fault) {
    if (fault instanceof SettingsError) return fault.faults.map(({ name, message }) => [name, message])
    throw fault
  }
  return []
}

describe('the decision log', () => {
  it('goes where nothing was set: all of it, unmasked, to the sink of the command', () => {
    expect(plan({})).toEqual({ sample: 1, mask: undefined, sinks: [{ kind: 'stdout' }] })
    expect(decisionLogPlanFrom(readDevSettings({}), {}, 'postgres').sinks).toEqual([{ kind: 'postgres', days: 30 }])
  })

  it('goes nowhere when that is what was set', () => {
    expect(plan({ CASTELLAN_DECISION_LOG: 'none' }).sinks).toEqual([])
  })

  it('goes to several sinks at once, each as it was set', () => {
    const { sample, mask, sinks } = plan({
      CASTELLAN_DECISION_LOG: 'stdout, file,postgres,redis,otlp,opa',
      CASTELLAN_DECISION_LOG_SAMPLE: '0.25',
      CASTELLAN_DECISION_LOG_MASK: 'user, resource.attributes.amount',
      CASTELLAN_DECISION_LOG_FILE: '/var/log/decisions.ndjson',
      CASTELLAN_DECISION_LOG_FILE_MEBIBYTES: '5',
      CASTELLAN_DECISION_LOG_FILES: '3',
      CASTELLAN_DECISION_LOG_DAYS: '90',
      CASTELLAN_REDIS_URL: 'redis://127.0.0.1',
      CASTELLAN_DECISION_LOG_REDIS_STREAM: 'd',
      CASTELLAN_DECISION_LOG_REDIS_MAXLEN: '7',
      CASTELLAN_DECISION_LOG_OPA_URL: 'https://logs.example.org/logs',
      CASTELLAN_DECISION_LOG_OPA_TOKEN: 'sesame',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318/',
      OTEL_EXPORTER_OTLP_HEADERS: 'X-Team=a%20b, x-key=1',
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'x-key=2',
    })
    expect({ sample, masked: mask?.paths }).toEqual({ sample: 0.25, masked: ['user', 'resource.attributes.amount'] })
    expect(sinks).toEqual([
      { kind: 'stdout' },
      { kind: 'file', path: '/var/log/decisions.ndjson', bytesMax: 5 * 1_048_576, filesMax: 3 },
      { kind: 'postgres', days: 90 },
      { kind: 'redis', stream: 'd', lengthMax: 7 },
      { kind: 'otlp', url: 'http://otel:4318/v1/logs', headers: { 'x-team': 'a b', 'x-key': '2' } },
      { kind: 'opa', url: 'https://logs.example.org/logs', headers: { authorization: 'Bearer sesame' } },
    ])
  })

  it('takes the address of logs before that of everything', () => {
    const endpoints = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://b/x' }
    expect(plan({ CASTELLAN_DECISION_LOG: 'otlp', ...endpoints }).sinks).toEqual([{ kind: 'otlp', url: 'http://b/x', headers: {} }])
  })

  it.each([
    [{ CASTELLAN_DECISION_LOG: 'file' }, ['CASTELLAN_DECISION_LOG_FILE']],
    [{ CASTELLAN_DECISION_LOG: 'redis' }, ['CASTELLAN_REDIS_URL']],
    [{ CASTELLAN_DECISION_LOG: 'opa' }, ['CASTELLAN_DECISION_LOG_OPA_URL']],
    [{ CASTELLAN_DECISION_LOG: 'otlp' }, ['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT']],
    [{ CASTELLAN_DECISION_LOG: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'otel:4318' }, ['OTEL_EXPORTER_OTLP_ENDPOINT']],
    [
      { CASTELLAN_DECISION_LOG: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      ['OTEL_EXPORTER_OTLP_PROTOCOL'],
    ],
    [
      { CASTELLAN_DECISION_LOG: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_EXPORTER_OTLP_HEADERS: 'sesame' },
      ['OTEL_EXPORTER_OTLP_HEADERS'],
    ],
    [
      { CASTELLAN_DECISION_LOG: 'file,redis,opa' },
      ['CASTELLAN_DECISION_LOG_FILE', 'CASTELLAN_REDIS_URL', 'CASTELLAN_DECISION_LOG_OPA_URL'],
    ],
    // Set, and it would not be used.
    [{ CASTELLAN_DECISION_LOG_FILE: '/x' }, ['CASTELLAN_DECISION_LOG_FILE']],
    [{ CASTELLAN_DECISION_LOG: 'none', CASTELLAN_DECISION_LOG_OPA_URL: 'https://x' }, ['CASTELLAN_DECISION_LOG_OPA_URL']],
    [
      { CASTELLAN_DECISION_LOG: 'file', CASTELLAN_DECISION_LOG_FILE: '/x', CASTELLAN_DECISION_LOG_DAYS: '30' },
      ['CASTELLAN_DECISION_LOG_DAYS'],
    ],
    [
      { CASTELLAN_DECISION_LOG_FILES: '10', CASTELLAN_DECISION_LOG_FILE_MEBIBYTES: '1' },
      ['CASTELLAN_DECISION_LOG_FILE_MEBIBYTES', 'CASTELLAN_DECISION_LOG_FILES'],
    ],
    [
      { CASTELLAN_DECISION_LOG: 'none', CASTELLAN_DECISION_LOG_REDIS_STREAM: 's', CASTELLAN_DECISION_LOG_REDIS_MAXLEN: '1' },
      ['CASTELLAN_DECISION_LOG_REDIS_STREAM', 'CASTELLAN_DECISION_LOG_REDIS_MAXLEN'],
    ],
    [{ CASTELLAN_DECISION_LOG: 'none', CASTELLAN_DECISION_LOG_SAMPLE: '0.5' }, ['CASTELLAN_DECISION_LOG_SAMPLE']],
    [{ CASTELLAN_DECISION_LOG: 'none', CASTELLAN_DECISION_LOG_OPA_TOKEN_FILE: '/dev/null' }, ['CASTELLAN_DECISION_LOG_OPA_TOKEN']],
    [{ CASTELLAN_DECISION_LOG: 'stdout,stdout' }, ['CASTELLAN_DECISION_LOG']],
    [{ CASTELLAN_DECISION_LOG: 'none,stdout' }, ['CASTELLAN_DECISION_LOG']],
    [{ CASTELLAN_DECISION_LOG: 'kafka' }, ['CASTELLAN_DECISION_LOG']],
    [{ CASTELLAN_DECISION_LOG_SAMPLE: '1.5' }, ['CASTELLAN_DECISION_LOG_SAMPLE']],
    [{ CASTELLAN_DECISION_LOG_SAMPLE: '-0.5' }, ['CASTELLAN_DECISION_LOG_SAMPLE']],
    [{ CASTELLAN_DECISION_LOG_DAYS: '0' }, ['CASTELLAN_DECISION_LOG_DAYS']],
    [{ CASTELLAN_DECISION_LOG: 'opa', CASTELLAN_DECISION_LOG_OPA_URL: 'https://u:p@x' }, ['CASTELLAN_DECISION_LOG_OPA_URL']],
  ])('refuses to begin with %j', (environment, names) => {
    expect(faultsOf(environment).map(([name]) => name)).toEqual(names)
  })

  it('names what in a mask is nothing, and repeats no credential', () => {
    expect(faultsOf({ CASTELLAN_DECISION_LOG_MASK: 'user,usre' })).toEqual([
      ['CASTELLAN_DECISION_LOG_MASK', '"usre" is nothing that can be masked; did you mean "user"?'],
    ])
    const otlp = { CASTELLAN_DECISION_LOG: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:sesame@a', OTEL_EXPORTER_OTLP_HEADERS: 'sesame' }
    expect(JSON.stringify(faultsOf(otlp))).not.toContain('sesame')
  })
})
