/** Checks over HTTP about a million people, of whom few are asked about often: nine of ten answers lie in memory, the others have to be looked up. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CROWD_PERMISSION, CROWD_TENANTS, crowdDatabase, crowdPair } from '../crowd-database.ts'
import { castellanForms } from '../forms/castellan-forms.ts'
import { needLinux, needWrk } from '../load/generators.ts'
import { callHttp, requestText } from '../load/http-request.ts'
import { loadHttp, WRK_DONE } from '../load/wrk.ts'
import { type CastellanServer, callCastellan, openCastellan } from '../servers/castellan.ts'
import { processorMicros } from '../servers/processor-time.ts'
import { openFolder } from '../servers/server-process.ts'
import { type WireContender, wireWorkload } from '../wire.ts'
import type { Bench } from '../workload.ts'
import { luaRank, ranksOfShare, type ZipfLaw } from '../zipf/law.ts'

const EXPONENT = 1.2
const WARM_SHARE = 0.9
/** Shares no factor with the number of people: those who are asked about most are not neighbours in the database. */
const STEP = 7_919
/** By level: where the service found what it answered from. */
const METRIC = 'castellan_access_reads_total'
/** In one batch, as many as one takes. */
const BATCH = 1_000

export const zipf = wireWorkload({
  name: 'wire-check-zipf',
  title: 'Check over HTTP about a million people, 90 % in memory',
  unit: 'checks/s',
  async open(bench) {
    needLinux()
    needWrk()
    const { stage } = bench
    bench.say('filling a database with a million people')
    const crowd = await crowdDatabase(stage)
    const stores = await stage.stores()
    const server = await stage.shared('castellan of the crowd', () => openCastellan({ ...stores, postgresUrl: crowd.url }, stage.place))
    const law = { people: crowd.people, exponent: EXPONENT }
    const warm = ranksOfShare(law, WARM_SHARE)
    bench.say(`asking about the ${warm} who are asked about most`)
    await warmUp(server, law, warm)
    const folder = openFolder()
    const all = await contenderOf('castellan, 90 % in memory', 'ours', server, law, 1, folder, bench)
    const warmOnly = await contenderOf('castellan, all in memory', 'floor', server, law, WARM_SHARE, folder, bench)
    return {
      contenders: [all, warmOnly],
      facts: `${crowd.people} people by a law of Zipf with exponent ${EXPONENT}; of ${warm} of them are ${100 * WARM_SHARE} % of the questions`,
      close: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
})

/** @param share of the law: below 1 only the most frequent ones are drawn */
async function contenderOf(
  name: string,
  role: WireContender['role'],
  server: CastellanServer,
  law: ZipfLaw,
  share: number,
  folder: string,
  { signal, stage }: Bench,
): Promise<WireContender> {
  const { httpPort: port } = server
  const form = castellanForms(server.key).http
  const asked = { ...crowdPair(1), permission: CROWD_PERMISSION }
  const reply = await callHttp(port, requestText(port, form.path, form.headers, form.encode([asked])))
  if (reply.status !== 200 || !form.decode(reply.body, [asked])[0]) throw new Error(`${name} answers ${reply.status}: ${reply.body}`)
  const script = join(folder, `${share}.lua`)
  const [before, total] = [
    { memory: 0, all: 0 },
    { memory: 0, all: 0 },
  ]
  return {
    ...{ name, role, unitsPerRequest: 1 },
    processorMicros: () => processorMicros(server.pid),
    async load(seconds, round) {
      server.assertRunning()
      // Others are drawn in each round: who was asked about once is warm from then on.
      writeFileSync(script, luaScript(server, law, share, round + 1))
      Object.assign(before, await answeredOf(server))
      const loaded = await loadHttp({ port, script, replyBytes: reply.bytes }, { core: stage.place.load, seconds, signal })
      const after = await answeredOf(server)
      if (round > 0) {
        total.memory += after.memory - before.memory
        total.all += after.all - before.all
      }
      return loaded
    },
    note: () => `${((100 * total.memory) / total.all).toFixed(1)} % of its answers were in memory`,
  }
}

function luaScript({ key }: CastellanServer, law: ZipfLaw, share: number, seed: number): string {
  const { user, tenant } = crowdPair(0)
  const [userStart, tenantStart] = [user.slice(0, -1), tenant.slice(0, -1)]
  // The same names as crowdPair gives.
  return `math.randomseed(${seed})
${luaRank(law)}
local headers = { ["content-type"] = "application/json", ["authorization"] = "Bearer ${key}" }
request = function()
  local number = (rank(math.random() * ${share}) * ${STEP}) % ${law.people}
  local body = string.format('{"user":"${userStart}%d","tenant":"${tenantStart}%d","permission":"${CROWD_PERMISSION}"}', number, number % ${CROWD_TENANTS})
  return wrk.format("POST", "/v1/check", headers, body)
end
${WRK_DONE}`
}

async function warmUp(server: CastellanServer, { people }: ZipfLaw, ranks: number): Promise<void> {
  for (let first = 1; first <= ranks; first += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, ranks - first + 1) }, (_, at) => ({
      ...crowdPair(((first + at) * STEP) % people),
      permission: CROWD_PERMISSION,
    }))
    await callCastellan(server, 'POST', '/v1/check/batch', { items })
  }
}

/** Answers about access so far, by the metrics of the service. */
async function answeredOf({ probesPort }: CastellanServer): Promise<{ readonly memory: number; readonly all: number }> {
  const text = await (await fetch(`http://127.0.0.1:${probesPort}/metrics`)).text()
  const counted = (level: string) => Number(new RegExp(`^${METRIC}\\{[^}]*level="${level}"[^}]*\\} (\\S+)`, 'm').exec(text)?.[1] ?? 0)
  const memory = counted('memory')
  return { memory, all: memory + counted('redis') + counted('store') }
}
