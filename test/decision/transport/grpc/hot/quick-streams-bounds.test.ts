/** What is not looked at any further on the quick way of gRPC: streams that are over, that have no body, or too much of one. */
import { EventEmitter } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { quickStreams } from '../../../../../src/decision/transport/grpc/hot/quick-streams.ts'
import { systemClock } from '../../../../../src/ground/clock.ts'
import { systemRandom } from '../../../../../src/ground/random.ts'
import { BODY_BYTES_MAX } from '../../../../../src/model/limits.ts'

const HEADERS = { ':method': 'POST', ':path': '/castellan.v1.DecisionService/Check', 'content-type': 'application/grpc' }
/** One whole frame of three bytes; what they mean is not asked here. */
const FRAME = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3])
const FRAME_HEAD_BYTES = 5

/** As much of a stream as is used, which says what was done to it. */
class FakeStream extends EventEmitter {
  destroyed = false
  closed = false
  readonly done: string[] = []
  respond(): void {
    if (this.destroyed || this.closed) throw new Error('nobody is there')
    this.done.push('respond')
  }
  end(): void {
    this.done.push('end')
  }
}

let ended: unknown[][]
let asked: number
let owned: { readonly bytes: number[]; ends: number }[]
let listener: (stream: FakeStream, flags?: number) => void
const turnOver = () => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => {
  ended = []
  asked = 0
  owned = []
  const needs = { clock: systemClock, random: systemRandom, metrics: { ended: (...of: unknown[]) => void ended.push(of) } }
  const quick = {
    answer() {
      asked += 1
      return Buffer.of(1)
    },
    streamed: () => undefined,
  }
  const listening = quickStreams(quick, needs as unknown as Parameters<typeof quickStreams>[1], (stream) => {
    const one = { bytes: [] as number[], ends: 0 }
    owned.push(one)
    stream.on('data', (chunk: Buffer) => one.bytes.push(chunk.length))
    stream.on('end', () => {
      one.ends += 1
    })
  })
  listener = (stream, flags = 0) => listening(stream as unknown as ServerHttp2Stream, HEADERS, flags)
})

describe('a stream of one question', () => {
  it('is answered, and counted, once', () => {
    const stream = new FakeStream()
    listener(stream)
    stream.emit('data', FRAME)
    stream.emit('end')
    expect(stream.done).toEqual(['respond', 'end'])
    expect(ended).toEqual([['grpc', 'Check', 'ok', expect.any(Number)]])
    expect(owned).toEqual([])
  })

  it.each(['destroyed', 'closed'] as const)('that is %s when its question is whole is not decided, and is nobody elses', async (state) => {
    const stream = new FakeStream()
    listener(stream)
    stream.emit('data', FRAME)
    stream[state] = true
    stream.emit('end')
    await turnOver()
    expect([asked, stream.done, ended, owned]).toEqual([0, [], [], []])
  })

  it.each(['destroyed', 'closed'] as const)('that is %s when the turn ends is not begun by grpc-js', async (state) => {
    const stream = new FakeStream()
    listener(stream)
    stream.emit('data', FRAME.subarray(0, 3))
    stream[state] = true
    await turnOver()
    expect(owned).toEqual([])
  })

  it('that ended with its headers is left to grpc-js at once: its end is told to nobody who begins to listen later', () => {
    const stream = new FakeStream()
    listener(stream, constants.NGHTTP2_FLAG_END_STREAM)
    expect(owned).toHaveLength(1)
    stream.emit('end')
    expect(owned).toEqual([{ bytes: [], ends: 1 }])
  })

  it('that brings more than a message may have is left to grpc-js in the middle of the turn, with what came', () => {
    const stream = new FakeStream()
    listener(stream)
    stream.emit('data', Buffer.alloc(BODY_BYTES_MAX + FRAME_HEAD_BYTES))
    expect(owned).toEqual([])
    stream.emit('data', Buffer.alloc(1))
    expect(owned).toEqual([{ bytes: [BODY_BYTES_MAX + FRAME_HEAD_BYTES + 1], ends: 0 }])
    stream.emit('data', Buffer.alloc(7))
    expect(owned[0]?.bytes).toEqual([BODY_BYTES_MAX + FRAME_HEAD_BYTES + 1, 7])
  })
})
