/** Our own engine without a client around it: the rule of deciding on a state that lies in memory. What a local check costs at least. */

import { openMemoryLevel } from '../../src/cache/memory.ts'
import type { MemoryLevel } from '../../src/cache/ports.ts'
import { decide } from '../../src/decision/decide.ts'
import type { AccessState } from '../../src/model/access-state.ts'
import type { Asked, Facts } from '../facts.ts'
import type { Contender } from '../measure.ts'

const BYTES_MAX = 64 * 1_048_576
const STATE_BYTES = 500

export function openEngine(facts: Facts, questions: readonly Asked[]): Contender {
  const memory: MemoryLevel<AccessState> = openMemoryLevel<AccessState>({ entriesMax: 100_000, bytesMax: BYTES_MAX })
  for (const { user, attributes, roles } of facts.people) {
    for (const tenant of facts.tenants) {
      const assignments = (roles[tenant] ?? []).map((role) => ({ id: `${user}-${role}`, role, validFromMs: 0, expiresAtMs: null }))
      const state = {
        position: 1,
        policyPosition: 1,
        readAtMs: 1,
        tenant: { suspended: false, attributes: {} },
        user: { deactivated: false, attributes, epoch: 0 },
        assignments,
      }
      memory.set(`${tenant} ${user}`, state, STATE_BYTES)
    }
  }
  return {
    name: 'castellan engine',
    ask(from, count) {
      let allowed = 0
      for (let at = 0; at < count; at += 1) {
        const question = questions[(from + at) % questions.length] as Asked
        const state = memory.get(`${question.tenant} ${question.user}`)
        if (state !== undefined && decide(facts.policy, question, state).allowed) allowed += 1
      }
      return allowed
    },
  }
}
