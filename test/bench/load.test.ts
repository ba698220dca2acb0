/** Load generators are not believed: what they say is read as it is, and an answer is known by its bytes. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { frame, unframe } from '../../bench/load/frames.ts'
import { parseH2load } from '../../bench/load/h2load.ts'
import { parseReply, requestText } from '../../bench/load/http-request.ts'
import { luaText, parseWrk } from '../../bench/load/wrk.ts'

/** h2load 1.52.0, a run of a second against a server that answers. */
const H2LOAD = `Main benchmark duration is over for thread #0. Stopping all clients.
Stopped all clients for thread #0

finished in 1.07s, 1312.00 req/s, 205.50KB/s
requests: 1312 total, 1440 started, 1312 done, 1312 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1312 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 205.50KB (210432) total, 2.92KB (2992) headers (space savings 94.70%), 179.38KB (183680) data
                     min         max         mean         sd        +/- sd
time for request:     1.28ms    501.65ms     75.22ms     83.73ms    92.68%
`

describe('what h2load says', () => {
  it('is read: answers, and the bytes of their bodies', () => {
    expect(parseH2load(H2LOAD)).toEqual({ started: 1440, succeeded: 1312, failed: 0, dataBytes: 183_680 })
  })

  it.each([
    ['1312 2xx, 0 3xx, 0 4xx, 0 5xx', '1300 2xx, 2 3xx, 3 4xx, 7 5xx', 12],
    ['0 failed, 0 errored, 0 timeout', '5 failed, 2 errored, 1 timeout', 8],
  ])('counts as failed what is not 2xx, and what broke', (from, to, failed) => {
    expect(parseH2load(H2LOAD.replace(from, to)).failed).toBe(failed)
  })

  it('is refused when it says something else', () => {
    expect(() => parseH2load('h2load: cannot connect')).toThrow('h2load: cannot connect')
  })
})

describe('what wrk says', () => {
  it('is read from the line that our script prints', () => {
    expect(parseWrk('  1 threads and 32 connections\nTransfer/sec:      3.68MB\nBENCH 23684 1000123 3858000 7\n')).toEqual({
      ...{ requests: 23_684, micros: 1_000_123, bytes: 3_858_000, failed: 7 },
    })
    expect(() => parseWrk('unable to connect to 127.0.0.1')).toThrow('unable to connect')
  })

  it('is asked with texts that Lua reads back as they are', () => {
    expect(luaText('a "b"\\\r\né')).toBe('"a \\034b\\034\\092\\013\\010\\195\\169"')
  })
})

describe('frames of gRPC', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (messages) => {
        const seen = unframe(Buffer.concat(messages.map(frame)))
        expect(seen.map((message) => [...message])).toEqual(messages.map((message) => [...message]))
      }),
    )
  })

  it.each([[[0, 0, 0, 0]], [[0, 0, 0, 0, 2, 1]], [[1, 0, 0, 0, 0]]])('are refused when they are not whole, or compressed: %j', (bytes) => {
    expect(() => unframe(Buffer.from(bytes))).toThrow('A frame of gRPC')
  })
})

describe('an answer of HTTP', () => {
  const plain = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
  const chunked = Buffer.from('HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n')

  it('is counted with its head, whichever way its length is told', () => {
    expect(parseReply(plain)).toEqual({ status: 200, body: '{}', bytes: plain.length })
    expect(parseReply(chunked)).toEqual({ status: 403, body: '{"a":1}', bytes: chunked.length })
  })

  it('is none before it is whole', () => {
    for (const whole of [plain, chunked])
      for (let length = 0; length < whole.length; length += 1) expect(parseReply(whole.subarray(0, length))).toBeUndefined()
  })

  it('is asked for with as many bytes as it says', () => {
    expect(requestText(80, '/x', { a: 'b' }, '"é"')).toBe(
      'POST /x HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-type: application/json\r\na: b\r\ncontent-length: 4\r\n\r\n"é"',
    )
  })
})
