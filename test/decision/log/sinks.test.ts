/** Sinks on what they really write to: files, collectors over HTTP, Redis, a pipe. What is in them is whole, and a failure is never silent. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { parseRedisAddress } from '../../../src/cache/redis-address.ts'
import { RedisStream } from '../../../src/cache/redis-stream.ts'
import { entryOf, type LogEntry, recordIn } from '../../../src/decision/log/entry.ts'
import { openFileSink } from '../../../src/decision/log/file-sink.ts'
import { openOpaSink } from '../../../src/decision/log/opa-sink.ts'
import { openOtlpSink } from '../../../src/decision/log/otlp-sink.ts'
import { recordOf } from '../../../src/decision/log/record.ts'
import { openRedisSink } from '../../../src/decision/log/redis-sink.ts'
import { RefusedError } from '../../../src/decision/log/sink.ts'
import { openStdoutSink } from '../../../src/decision/log/stdout-sink.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import { openLog } from '../../../src/ground/log.ts'
import { packageRoot } from '../../../src/ground/package-root.ts'
import { systemRandom } from '../../../src/ground/random.ts'
import { openStandardOutput } from '../../../src/ground/standard-output.ts'
import { STDOUT_WRITE_BYTES_MAX } from '../../../src/model/observation-limits.ts'
import { startRedis, type TestRedis } from '../../support/redis.ts'
import { decided, decisionOf, held } from './decided.ts'

const NEVER = new AbortController().signal
const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true }

function entry(id: string, traced = false): LogEntry {
  const decision = decisionOf(id, [held('a-1', 'sender')], { permission: 'quote.send', resource: { id: 'q-ü', amount: 5 } })
  return entryOf(recordOf(decided(decision, traced ? { trace: TRACE } : {}), 'replica-1', 1), true)
}
const entries = (...ids: readonly string[]) => ids.map((id) => entry(id))

let folder: string
const closing: (() => Promise<unknown>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'castellan-sinks-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  rmSync(folder, { recursive: true, force: true })
})

describe('a file', () => {
  const path = () => join(folder, 'log', 'decisions.ndjson')
  const open = (bytesMax = 1_000_000, filesMax = 3) => {
    const sink = openFileSink({ path: path(), bytesMax, filesMax })
    closing.push(() => sink.close())
    return sink
  }
  const idsIn = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { id: string }).id)

  it('has a line of each record, after those that were there', async () => {
    await open().write(entries('d-1', 'd-2'), NEVER)
    await open().write(entries('d-3'), NEVER)
    expect(idsIn(path())).toEqual(['d-1', 'd-2', 'd-3'])
    expect(JSON.parse(readFileSync(path(), 'utf8').split('\n')[0] ?? '')).toEqual(recordIn(entry('d-1')))
    expect(statSync(path()).mode & 0o007).toBe(0)
  })

  it('is followed by the next one before it is larger than it may be, and the oldest goes', async () => {
    const sink = open(3 * (entry('d-1').bytes + 1), 3)
    for (let number = 0; number < 10; number += 1) await sink.write(entries(`d-${number}`), NEVER)
    expect(readdirSync(join(folder, 'log')).sort()).toEqual(['decisions.ndjson', 'decisions.ndjson.1', 'decisions.ndjson.2'])
    expect([`${path()}.2`, `${path()}.1`, path()].map(idsIn)).toEqual([['d-3', 'd-4', 'd-5'], ['d-6', 'd-7', 'd-8'], ['d-9']])
  })

  it('is begun anew when there is to be only one', async () => {
    const sink = open(2 * (entry('d-1').bytes + 1), 1)
    for (let number = 0; number < 5; number += 1) await sink.write(entries(`d-${number}`), NEVER)
    expect(readdirSync(join(folder, 'log'))).toEqual(['decisions.ndjson'])
    expect(idsIn(path())).toEqual(['d-4'])
  })

  it('is opened anew when somebody moved or removed it', async () => {
    const sink = open()
    await sink.write(entries('d-1'), NEVER)
    renameSync(path(), `${path()}.moved`)
    await sink.write(entries('d-2'), NEVER)
    rmSync(path())
    await sink.write(entries('d-3'), NEVER)
    expect([`${path()}.moved`, path()].map(idsIn)).toEqual([['d-1'], ['d-3']])
  })

  it('loses the half line that a process left behind when it died', async () => {
    await open().write(entries('d-1'), NEVER)
    appendFileSync(path(), entry('d-2').line.slice(0, 50))
    await open().write(entries('d-3'), NEVER)
    expect(idsIn(path())).toEqual(['d-1', 'd-3'])
    writeFileSync(path(), '{"type":"deci')
    await open().write(entries('d-4'), NEVER)
    expect(idsIn(path())).toEqual(['d-4'])
  })

  it.each([
    ['without a line', 'a text that somebody else keeps'],
    ['with a last line of another kind', '{"other":1}\n{"other":'],
    ['that has a record of ours in it, and then something else', `${entry('d-0').line}\nnotes`],
    ['that is one line, longer than any of ours', 'x'.repeat(5_000_000)],
  ])('that is not ours is not cut: one %s', async (_, text) => {
    mkdirSync(join(folder, 'log'))
    writeFileSync(path(), text)
    await open(10_000_000).write(entries('d-1'), NEVER)
    // No message with five million characters.
    expect(readFileSync(path(), 'utf8') === `${text}\n${entry('d-1').line}\n`).toBe(true)
  })

  it('that is a pipe which nobody reads is a failure at once, and has whole lines again for who reads it then', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const sink = openFileSink({ path: pipe, bytesMax: 1_000_000, filesMax: 1 })
    closing.push(() => sink.close())
    const many = Array.from({ length: 200 }, (_, index) => entry(`d-${index}`))
    await expect(sink.write(many, NEVER)).rejects.toMatchObject({ code: 'EAGAIN' })
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    closing.push(async () => closeSync(reader))
    const take = () => {
      const buffer = Buffer.alloc(1_000_000)
      return buffer.subarray(0, readSync(reader, buffer)).toString()
    }
    const before = take()
    await sink.write(entries('e-1'), NEVER)
    expect(before.endsWith('\n')).toBe(false)
    expect(take()).toBe(`\n${entry('e-1').line}\n`)
  })

  it('on a disk that does not answer in time is given up, and asked nothing more until it does', async () => {
    const sink = open()
    const first = new AbortController()
    // Nothing of it can have been done before this turn is over.
    const writing = sink.write(entries('d-1'), first.signal)
    first.abort()
    await expect(writing).rejects.toThrow('in time')
    await expect(sink.write(entries('d-2'), NEVER)).rejects.toThrow('has not answered yet')
    await sink.close()
    const until = async () => {
      while (!existsSync(path()) || readFileSync(path(), 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await until()
    await open().write(entries('d-3'), NEVER)
    expect(idsIn(path())).toEqual(['d-1', 'd-3'])
  })

  it('has no half line when the disk is full, and goes on when there is room again', async () => {
    // The kernel ends a write in its middle there as a full disk does.
    const script = join(folder, 'full.ts')
    writeFileSync(
      script,
      `import { openFileSink } from '${join(packageRoot(), 'src/decision/log/file-sink.ts')}'
       process.on('SIGXFSZ', () => undefined)
       const sink = openFileSink({ path: ${JSON.stringify(path())}, bytesMax: 1e9, filesMax: 1 })
       const line = JSON.stringify({ id: 'x', pad: 'y'.repeat(700) })
       const batch = Array.from({ length: 10 }, () => ({ line, bytes: line.length }))
       let [written, failed] = [0, 0]
       for (let round = 0; round < 10; round += 1)
         await sink.write(batch, new AbortController().signal).then(() => (written += 10), (fault) => { if (fault.code !== 'EFBIG') throw fault; failed += 10 })
       await sink.close()
       process.stdout.write(JSON.stringify({ written, failed }))`,
    )
    // 16 or 32 KiB, by what the shell counts in.
    const child = spawn(
      'bash',
      ['-c', `ulimit -f 32; exec "$0" --no-warnings --import "$1" "$2"`, process.execPath, './test/chaos/typescript.mjs', script],
      {
        cwd: packageRoot(),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const told = await new Response(child.stdout as unknown as ReadableStream).text()
    const { written, failed } = JSON.parse(told) as { written: number; failed: number }
    expect(failed).toBeGreaterThan(0)
    expect(idsIn(path())).toHaveLength(written)
    expect(readFileSync(path(), 'utf8').endsWith('\n')).toBe(true)
    await open().write(entries('d-1'), NEVER)
    expect(idsIn(path()).at(-1)).toBe('d-1')
  })

  it('says so where nothing can be written', async () => {
    const full = openFileSink({ path: '/dev/full', bytesMax: 1_000, filesMax: 3 })
    closing.push(() => full.close())
    await expect(full.write(entries('d-1'), NEVER)).rejects.toMatchObject({ code: 'ENOSPC' })
    writeFileSync(join(folder, 'file'), '')
    const below = openFileSink({ path: join(folder, 'file', 'log'), bytesMax: 1_000, filesMax: 3 })
    await expect(below.write(entries('d-1'), NEVER)).rejects.toMatchObject({ code: expect.stringMatching(/ENOTDIR|EEXIST/) })
    expect(existsSync('/dev/full.1')).toBe(false)
  })
})

interface Collector {
  readonly url: string
  readonly got: { readonly headers: IncomingHttpHeaders; readonly body: Buffer; readonly path: string }[]
  answer: { status: number; body?: string; headers?: Record<string, string> }
}

async function openCollector(): Promise<Collector> {
  const collector: { got: Collector['got']; answer: Collector['answer'] } = { got: [], answer: { status: 200 } }
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    collector.got.push({ headers: request.headers, body: Buffer.concat(chunks), path: request.url ?? '' })
    response.writeHead(collector.answer.status, collector.answer.headers).end(collector.answer.body ?? '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return Object.assign(collector, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs` })
}

describe('OTLP', () => {
  it('has a log record of each decision, in its trace, with the headers that were set', async () => {
    const collector = await openCollector()
    const sink = openOtlpSink({ url: collector.url, headers: { 'x-key': 'k' }, replica: 'replica-1', version: '0.1.0' })
    expect(await sink.write([entry('d-1', true), entry('d-2')], NEVER)).toBe(0)
    const [request] = collector.got
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json', 'x-key': 'k' })
    const { resourceLogs } = JSON.parse(request?.body.toString() ?? '')
    expect(resourceLogs[0].resource.attributes).toContainEqual({ key: 'service.instance.id', value: { stringValue: 'replica-1' } })
    const [first, second] = resourceLogs[0].scopeLogs[0].logRecords
    expect(first).toMatchObject({
      ...{ timeUnixNano: '1795341600000000000', severityNumber: 9, traceId: TRACE.traceId, spanId: TRACE.spanId },
      body: { stringValue: entry('d-1', true).line },
    })
    expect(first.attributes).toContainEqual({ key: 'castellan.allowed', value: { boolValue: true } })
    expect(first.attributes).toContainEqual({ key: 'castellan.permission', value: { stringValue: 'quote.send' } })
    expect(second).not.toHaveProperty('traceId')
  })

  it.each([
    ['{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"no"}}', 2],
    ['{"partialSuccess":{"rejectedLogRecords":99}}', 3],
    ['{"partialSuccess":{}}', 0],
    ['{"partialSuccess":{"rejectedLogRecords":-1}}', 0],
    ['no JSON', 0],
    ['', 0],
    ['an answer without end', 0],
  ])('counts what was rejected: %s', async (body, rejected) => {
    const collector = await openCollector()
    collector.answer = { status: 200, body: body === 'an answer without end' ? body.repeat(10_000) : body }
    const sink = openOtlpSink({ url: collector.url, headers: {}, replica: 'r', version: '1' })
    expect(await sink.write(entries('d-1', 'd-2', 'd-3'), NEVER)).toBe(rejected)
  })

  it.each([
    [400, true],
    [413, true],
    [401, false],
    [404, false],
    [429, false],
    [503, false],
    [302, false],
  ])('takes the answer %d for a batch that is refused for good: %p', async (status, forGood) => {
    const collector = await openCollector()
    collector.answer = { status, headers: { location: `${collector.url}/elsewhere` } }
    const sink = openOtlpSink({ url: collector.url, headers: {}, replica: 'r', version: '1' })
    const fault = await sink.write(entries('d-1'), NEVER).catch((thrown: unknown) => thrown)
    expect(fault).toBeInstanceOf(Error)
    expect(fault instanceof RefusedError).toBe(forGood)
    // A redirection is not followed: it would carry decisions to whom nobody named.
    expect(collector.got).toHaveLength(1)
  })

  it('gives an attempt up when its time is over', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    const abort = new AbortController()
    const sink = openOtlpSink({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      headers: {},
      replica: 'r',
      version: '1',
    })
    server.once('request', () => abort.abort(new Error('timeout')))
    await expect(sink.write(entries('d-1'), abort.signal)).rejects.toThrow('timeout')
  })
})

describe('the form of Open Policy Agent', () => {
  it('has an event of each decision, gzipped, with what was masked named', async () => {
    const collector = await openCollector()
    const masked = ['user', 'resource.attributes.amount', 'caller.name', 'requestId', 'assignments']
    const sink = openOpaSink({ url: collector.url, headers: { authorization: 'Bearer t' }, replica: 'replica-1', version: '0.1.0', masked })
    await sink.write([entry('d-1', true)], NEVER)
    const [request] = collector.got
    expect(request?.headers).toMatchObject({ 'content-type': 'application/json', 'content-encoding': 'gzip', authorization: 'Bearer t' })
    expect(JSON.parse(gunzipSync(request?.body ?? Buffer.alloc(0)).toString())).toEqual([
      {
        labels: { id: 'replica-1', version: '0.1.0', app: 'castellan' },
        decision_id: 'd-1',
        trace_id: TRACE.traceId,
        span_id: TRACE.spanId,
        bundles: { castellan: { revision: recordIn(entry('d-1')).policyRevision } },
        path: 'castellan/check',
        input: {
          ...{ user: 'ann', tenant: 'acme', permission: 'quote.send', code: 'q.s' },
          resource: { id: 'q-ü', attributes: { amount: 5 } },
        },
        result: { allowed: true, reason: 'ROLE', via: ['sender'], assignments: ['a-1'], roles: ['sender'] },
        requested_by: 'caller-1',
        timestamp: '2026-11-22T10:00:00.000Z',
        metrics: { timer_server_handler_ns: 1_235_000 },
        masked: ['/input/user', '/input/resource/attributes/amount', '/result/assignments'],
      },
    ])
  })
})

describe('a Redis stream', () => {
  let redis: TestRedis
  const open = (lengthMax = 1_000, log = openLog('silent')) => {
    const address = parseRedisAddress(redis.url)
    if (address === undefined) throw new Error('no address')
    const observe = { failed: () => undefined, connected: () => undefined, breaker: () => undefined }
    const needs = { address, clock: systemClock, random: systemRandom, log, observe }
    const stream = new RedisStream({ ...needs, stream: 'decisions', lengthMax })
    closing.push(async () => stream.close())
    return openRedisSink(stream)
  }
  const until = async (write: () => Promise<number>): Promise<number> => {
    for (;;) {
      try {
        return await write()
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  beforeEach(async () => {
    redis = await startRedis()
    closing.push(() => redis.stop())
  })

  it('has an entry of each record, in order, and loses the oldest beyond its length', async () => {
    const sink = open(150)
    expect(await until(() => sink.write(entries('d-1', 'd-2'), NEVER))).toBe(0)
    const lines = redis.command('xrange', 'decisions', '-', '+').filter((line) => line.startsWith('{'))
    expect(lines.map((line) => JSON.parse(line))).toEqual([recordIn(entry('d-1')), recordIn(entry('d-2'))])
    const many = Array.from({ length: 500 }, (_, index) => entry(`e-${index}`))
    await sink.write(many, NEVER)
    const [length = ''] = redis.command('xlen', 'decisions')
    // Whole nodes are cut off, of a hundred entries as a rule.
    expect(Number(length)).toBeLessThanOrEqual(350)
    expect(redis.command('xrevrange', 'decisions', '+', '-', 'count', '1').at(-1)).toContain('"e-499"')
  })

  it.each([
    ['allkeys-lru', 1],
    ['volatile-lru', 0],
  ])('is told of a server that would evict all of it: %s', async (policy, times) => {
    redis.command('config', 'set', 'maxmemory-policy', policy)
    const lines: { msg: string; policy?: string }[] = []
    const sink = open(10, openLog('warn', { write: (line) => void lines.push(JSON.parse(line)) }))
    // Answered in order on one connection: whoever has written has been told.
    await until(() => sink.write(entries('d-1'), NEVER))
    expect(lines.map((line) => line.policy)).toEqual(Array.from({ length: times }, () => policy))
  })

  it('says so while Redis is away or silent, and goes on with the next one', async () => {
    const sink = open()
    await until(() => sink.write(entries('d-1'), NEVER))
    redis.pause()
    const abort = new AbortController()
    const silent = sink.write(entries('d-2'), abort.signal)
    abort.abort()
    await expect(silent).rejects.toThrow('in time')
    redis.resume()
    await until(() => sink.write(entries('d-2'), NEVER))
    await redis.kill()
    await expect(sink.write(entries('d-3'), NEVER)).rejects.toThrow()
    await redis.restart()
    await until(() => sink.write(entries('d-3'), NEVER))
    expect(redis.command('xlen', 'decisions')).toEqual(['1'])
  })
})

describe('standard output', () => {
  it('gets whole lines, none of its writes larger than it may be, and waits for who reads', async () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    const sink = openStdoutSink(openStandardOutput(stream))
    const many = Array.from({ length: 500 }, (_, index) => entry(`d-${index}`))
    let done = false
    const writing = sink.write(many, NEVER).then(() => {
      done = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(done).toBe(false)
    const chunks: Buffer[] = []
    stream.on('data', (chunk) => chunks.push(chunk))
    await writing
    expect(chunks.length).toBeGreaterThan(1)
    for (const chunk of chunks) {
      expect(chunk.length).toBeLessThanOrEqual(STDOUT_WRITE_BYTES_MAX)
      expect(chunk.toString().endsWith('\n')).toBe(true)
    }
    expect(Buffer.concat(chunks).toString()).toBe(many.map(({ line }) => `${line}\n`).join(''))
  })

  it('that nobody reads any more is a failure, not the end of the process', async () => {
    const stream = new PassThrough()
    const sink = openStdoutSink(openStandardOutput(stream))
    stream.destroy(new Error('EPIPE'))
    await expect(sink.write(entries('d-1'), NEVER)).rejects.toThrow()
  })

  it('whose reader went away has lost what it did not take, at once, and no more', async () => {
    const many = Array.from({ length: 500 }, (_, index) => entry(`d-${index}`))
    let taken = ''
    const sink = openStdoutSink({
      async take(lines) {
        if (taken.length > 50_000) throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
        taken += lines
      },
    })
    expect(await sink.write(many, NEVER)).toBe(many.length - taken.split('\n').length + 1)
  })
})
