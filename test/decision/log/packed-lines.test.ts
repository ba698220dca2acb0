/** Lines as the bytes that are written: the same as the text, and no more kept than waits. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { PackedLine, PackedLines } from '../../../src/decision/log/packed-lines.ts'
import { openStdoutSink } from '../../../src/decision/log/stdout-sink.ts'
import { LINES_CHUNK_BYTES, STDOUT_WRITE_BYTES_MAX } from '../../../src/model/observation-limits.ts'

const NEVER = new AbortController().signal
const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((one) => JSON.stringify(one)),
  fc.constantFrom('{}', 'x'.repeat(LINES_CHUNK_BYTES + 1), 'é'.repeat(LINES_CHUNK_BYTES / 3), 'a'.repeat(20_000)),
)
const entryWith = (line: string) => ({
  line,
  bytes: Buffer.byteLength(line),
  heldBytes: 0,
  day: '2026-11-22',
  mattersLess: line.length > 2,
})

describe('packed lines', () => {
  it('are the text that was packed, whoever is packed behind them and whatever goes beside them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.boolean()), { maxLength: 30 }), (given) => {
        const lines = new PackedLines()
        const packed = given.map(([line]) => lines.pack(entryWith(line)))
        given.forEach(([, alone], index) => {
          if (alone) packed[index]?.standAlone()
        })
        expect(packed.map(({ line }) => line)).toEqual(given.map(([line]) => line))
        for (const [index, [line]] of given.entries())
          expect(packed[index]).toMatchObject({ bytes: Buffer.byteLength(line), day: '2026-11-22', mattersLess: line.length > 2 })
      }),
    )
  })

  it('are written to standard output whole, in order, each once, in writes that are not too large', async () => {
    const arbitrary = fc.array(fc.tuple(text, fc.constantFrom('packed', 'alone', 'as text')), { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(arbitrary, async (given) => {
        const lines = new PackedLines()
        const batch = given.map(([line, how]) => {
          const packed = lines.pack(entryWith(line))
          if (how === 'alone') packed.standAlone()
          return how === 'as text' ? entryWith(line) : packed
        })
        const writes: Buffer[] = []
        const take = async (bytes: string | Uint8Array) => void writes.push(Buffer.from(bytes as Uint8Array))
        expect(await openStdoutSink({ take }).write(batch, NEVER)).toBe(0)
        expect(Buffer.concat(writes).toString()).toBe(given.map(([line]) => `${line}\n`).join(''))
        const largest = Math.max(STDOUT_WRITE_BYTES_MAX, ...given.map(([line]) => Buffer.byteLength(line) + 1))
        for (const one of writes) {
          expect(one.length).toBeLessThanOrEqual(largest)
          expect(one.at(-1)).toBe(0x0a)
        }
      }),
    )
  })

  it('hold nothing but themselves once others beside them went', () => {
    const lines = new PackedLines()
    const line = lines.pack(entryWith('{"a":1}'))
    expect(line.chunk.length).toBe(LINES_CHUNK_BYTES)
    line.standAlone()
    expect(line).toBeInstanceOf(PackedLine)
    expect([line.chunk.buffer.byteLength, line.line]).toEqual([line.bytes + 1, '{"a":1}'])
  })
})
