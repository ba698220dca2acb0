/** Settings of the decision log. Its table is a part of setting-table.ts; what goes together is in decision-log-plan.ts. Floor 6. */
import { z } from 'zod'
import { SINK_NAMES, type SinkName } from '../decision/log/sink.ts'
import { defaultedSetting, optionalSetting } from '../ground/settings.ts'
import { path, wholeNumber } from './setting-forms.ts'

const sinkList = z.string().transform((text, context): readonly SinkName[] => {
  if (text.trim() === 'none') return []
  const names = text.split(',').map((name) => name.trim())
  if (names.every(isSinkName) && new Set(names).size === names.length) return names
  context.addIssue({ code: 'custom', message: 'is not a list of sinks' })
  return z.NEVER
})

function isSinkName(name: string): name is SinkName {
  return SINK_NAMES.includes(name as SinkName)
}

const share = z
  .string()
  .regex(/^(?:0|1|0?\.\d{1,9}|1\.0+)$/)
  .transform(Number)

const collector = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === ''
})

export const decisionLogSettings = {
  decisionLog: optionalSetting({
    name: 'CASTELLAN_DECISION_LOG',
    meaning: 'Where every decision is recorded, after its answer. Several at once: each has a buffer of its own and delays no other.',
    accepts: `\`none\`, or some of ${SINK_NAMES.map((name) => `\`${name}\``).join(', ')}, separated by commas`,
    schema: sinkList,
    fallbackMeaning: '`stdout`; `castellan dev`: `postgres`',
  }),
  decisionLogSample: defaultedSetting({
    name: 'CASTELLAN_DECISION_LOG_SAMPLE',
    meaning: 'Share of allowed decisions that is recorded. Denies, and permissions of high risk, always are.',
    accepts: 'a share from 0 to 1, such as `0.1`',
    schema: share,
    fallback: '1',
  }),
  decisionLogMask: optionalSetting({
    name: 'CASTELLAN_DECISION_LOG_MASK',
    meaning:
      'What nobody may see of a decision, in no sink and no live stream: its value is `[masked]`. By default records have ids and no other data of people.',
    accepts:
      'paths separated by commas: `user`, `requestId`, `caller.name`, `resource.type`, `resource.id`, `resource.attributes[.<name>]`, `assignments`',
    // Which of them is none is told by who reads them (decision-log-plan.ts).
    schema: z.string().max(4_096),
    fallbackMeaning: 'nothing',
  }),
  decisionLogFile: optionalSetting({
    name: 'CASTELLAN_DECISION_LOG_FILE',
    meaning:
      'File of the sink `file`, one JSON object a line; of this process alone. With CASTELLAN_WORKERS each worker has its own: `decisions.worker-1.jsonl` for `decisions.jsonl`.',
    accepts: 'a path',
    schema: path,
  }),
  decisionLogFileMebibytes: defaultedSetting({
    name: 'CASTELLAN_DECISION_LOG_FILE_MEBIBYTES',
    meaning: 'Size at which the next file is begun; the former ones are numbered, `.1` is the latest.',
    accepts: 'whole mebibytes, 1 to 10000',
    schema: wholeNumber(1, 10_000),
    fallback: '100',
  }),
  decisionLogFiles: defaultedSetting({
    name: 'CASTELLAN_DECISION_LOG_FILES',
    meaning: 'Files that are kept, with the one that is written to.',
    accepts: 'a whole number, 1 to 1000',
    schema: wholeNumber(1, 1_000),
    fallback: '10',
  }),
  decisionLogDays: defaultedSetting({
    name: 'CASTELLAN_DECISION_LOG_DAYS',
    meaning:
      'Days for which the sink `postgres` keeps records; older ones are dropped by whole days. What roles were used for is counted beside them and kept for a year.',
    accepts: 'whole days, 1 to 3650',
    schema: wholeNumber(1, 3_650),
    fallback: '30',
  }),
  decisionLogRedisStream: defaultedSetting({
    name: 'CASTELLAN_DECISION_LOG_REDIS_STREAM',
    meaning:
      'Key of the stream of the sink `redis`, which is on the server of CASTELLAN_REDIS_URL; each entry has the field `record`. That server must not evict any key (`allkeys-…`): the stream would go as a whole.',
    accepts: '1 to 256 printable characters without blanks',
    schema: z.string().regex(/^[\x21-\x7e]{1,256}$/),
    fallback: 'castellan:decisions',
  }),
  decisionLogRedisMaxlen: defaultedSetting({
    name: 'CASTELLAN_DECISION_LOG_REDIS_MAXLEN',
    meaning: 'About how many entries that stream keeps; the oldest go.',
    accepts: 'a whole number, 1 to 100000000',
    schema: wholeNumber(1, 100_000_000),
    fallback: '100000',
  }),
  decisionLogOpaUrl: optionalSetting({
    name: 'CASTELLAN_DECISION_LOG_OPA_URL',
    meaning: 'Whole address to which the sink `opa` posts decision logs in the form of Open Policy Agent.',
    accepts: 'an address that begins with `https://` or `http://`, without user and password',
    schema: collector,
  }),
  decisionLogOpaToken: optionalSetting({
    name: 'CASTELLAN_DECISION_LOG_OPA_TOKEN',
    meaning: 'Shown to that address as a bearer token.',
    accepts: '1 to 4096 printable characters without blanks',
    schema: z.string().regex(/^[\x21-\x7e]{1,4096}$/),
    fallbackMeaning: 'none',
    secret: true,
  }),
} as const
