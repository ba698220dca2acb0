/** What several processes write to one stream: whole lines, whatever pieces they arrive in. */
import { PassThrough } from 'node:stream'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { passWholeLines, wholeLines } from '../../../src/main/workers/whole-lines.ts'
import { PIPE_WHOLE_BYTES_MAX } from '../../../src/model/observation-limits.ts'

/** Longer ones than a pipe takes whole are among them. */
const someLines = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 4_000, max: 9_000 })), { minLength: 1, maxLength: 12 })
const textOf = (sizes: readonly number[], mark: string) => sizes.map((size, at) => `${mark}${at}:${'é'.repeat(size / 2)}\n`).join('')

async function feed(to: PassThrough, text: string, cuts: readonly number[]): Promise<void> {
  const bytes = Buffer.from(text)
  let start = 0
  for (const cut of [...cuts.map((one) => one % bytes.length).sort((a, b) => a - b), bytes.length]) {
    if (cut > start) to.write(bytes.subarray(start, cut))
    start = Math.max(start, cut)
    await new Promise((resolve) => setImmediate(resolve))
  }
  to.end()
}

describe('lines of several processes', () => {
  it('are never torn, and none is lost or changes its place', async () => {
    await fc.assert(
      fc.asyncProperty(someLines, someLines, fc.array(fc.nat(100_000), { maxLength: 12 }), async (some, others, cuts) => {
        const taken: string[] = []
        const take = async (lines: Uint8Array) => {
          taken.push(Buffer.from(lines).toString())
          await new Promise((resolve) => setImmediate(resolve))
        }
        const texts = [textOf(some, 'a'), textOf(others, 'b')]
        await Promise.all(
          texts.map((text) => {
            const from = new PassThrough()
            return Promise.all([passWholeLines(from, take), feed(from, text, cuts)])
          }),
        )
        const lines = taken.join('').split('\n')
        expect(taken.every((part) => part.endsWith('\n'))).toBe(true)
        for (const [at, mark] of ['a', 'b'].entries())
          expect(lines.filter((line) => line.startsWith(mark)).join('\n')).toBe(texts[at]?.trimEnd())
      }),
      { numRuns: 50 },
    )
  })

  it('go on in pieces that a pipe takes whole, except a line that is longer', () => {
    fc.assert(
      fc.property(someLines, (sizes) => {
        const text = textOf(sizes, 'x')
        const parts = [...wholeLines(Buffer.from(text))]
        expect(Buffer.concat(parts).toString()).toBe(text)
        for (const part of parts) expect(part.length <= PIPE_WHOLE_BYTES_MAX || part.indexOf(0x0a) === part.length - 1).toBe(true)
      }),
    )
  })

  it('that a killed process had only begun are no lines', async () => {
    const [from, taken] = [new PassThrough(), [] as string[]]
    const passed = passWholeLines(from, async (lines) => void taken.push(Buffer.from(lines).toString()))
    from.write('whole\nbegu')
    from.end()
    await passed
    expect(taken).toEqual(['whole\n'])
  })

  it('that nobody reads any more are not asked for: their writer hears it', async () => {
    const from = new PassThrough()
    const passed = passWholeLines(from, async () => {
      throw Object.assign(new Error('gone'), { code: 'EPIPE' })
    })
    from.write('a line\n')
    await passed
    expect(from.destroyed).toBe(true)
  })
})
