/** What a [user, tenant] takes in the memory of a replica, by how many there are: as the collector of garbage sees it, not as the replica counts it. */
import { ID_CHARACTERS } from '../replica/points.ts'
import { runPoints } from '../replica/run-points.ts'
import type { Study, StudyResult } from '../study.ts'

const COUNTS = [1_000, 10_000, 100_000, 1_000_000] as const
const TENANTS = 10
const ROLES_EACH = 2
const PERMISSIONS = 100
/** What a person of an office has: a list of one. */
const ATTRIBUTES = '{"regions":["north"]}'
/** A user's alone: the tenant's is the same for many. One byte a character, without what an engine adds. */
const ID_BYTES = ID_CHARACTERS

export const memory: Study = {
  name: 'memory',
  title: 'Memory of a cached [user, tenant]',
  async run({ say, signal, stage }): Promise<StudyResult> {
    const common = { tenants: TENANTS, rolesEach: ROLES_EACH, permissions: PERMISSIONS, seconds: 0, rounds: 0 }
    const points = [
      ...COUNTS.map((users) => ({ ...common, users, attributes: '{}' })),
      { ...common, users: 100_000, attributes: ATTRIBUTES },
    ]
    say(`filling the memory of a replica with up to ${Math.max(...COUNTS)} people`)
    const told = await runPoints(points, stage.place.server, signal)
    const figures: Record<string, number> = {}
    const rows = points.map(({ users, attributes }, index) => {
      const { entries = 0, bytes = 0, bytesCounted = 0 } = told[index] ?? {}
      const [beyond, counted] = [bytes / entries - ID_BYTES, bytesCounted / entries]
      const name = attributes === '{}' ? `bytes_${users}` : `bytes_${users}_with_attributes`
      // What memory does not hold takes nothing: of a crowd of which not nearly all are held nothing can be said.
      if (entries >= 0.99 * users) figures[name] = beyond
      figures[`entries_${users}`] = entries
      return [`${users}${attributes === '{}' ? '' : ', with attributes'}`, String(entries), beyond.toFixed(0), counted.toFixed(0)]
    })
    const full = points.find(({ users }, index) => (told[index]?.entries ?? 0) < 0.99 * users)
    return {
      facts: `${ROLES_EACH} of 100 roles each, ${TENANTS} tenants, ids of ${ID_CHARACTERS} characters`,
      columns: ['people', 'held', 'bytes beyond the id', 'counted by the replica'],
      rows,
      figures,
      notes: full === undefined ? [] : [`Of ${full.users} people not all are held: the replica's own bound is lower.`],
    }
  },
}
