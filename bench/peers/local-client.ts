/** The client of applications with local checks, awaited as they await it: one check after another, over a live stream of changes. */
import { createClient } from '../../src/client/exports/client.ts'
import type { Asked } from '../facts.ts'
import type { Contender } from '../measure.ts'
import type { BenchService } from '../service.ts'

export interface LocalContender extends Contender {
  close(): Promise<void>
}

export function openLocalClient({ grpcTarget, key }: BenchService, questions: readonly Asked[]): LocalContender {
  // High risk too: by default the service is asked for it, and that is not what is measured here.
  const client = createClient({ target: grpcTarget, credentials: { key }, deadlineMs: 5_000, local: { highRisk: 'local' } })
  let decidedBefore = 0
  let askedBefore = 0
  return {
    name: 'castellan local client',
    async ask(from, count) {
      let allowed = 0
      for (let at = 0; at < count; at += 1) {
        const { allowed: yes } = await client.check(questions[(from + at) % questions.length] as Asked)
        if (yes) allowed += 1
      }
      return allowed
    },
    start() {
      const { decided, asked } = client.local.status()
      decidedBefore = decided
      askedBefore = asked
    },
    note() {
      const { decided, asked } = client.local.status()
      const [here, there] = [decided - decidedBefore, asked - askedBefore]
      return `${((100 * here) / (here + there)).toFixed(2)} % of its answers were local, the others the service's`
    },
    close: () => client.close(),
  }
}
