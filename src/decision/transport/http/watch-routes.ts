/** The route of the live stream. Floor 5. */
import { z } from 'zod'
import { watchDecisionsSchema } from '../../translate/watch-requests.ts'
import { instant, problem } from './answer-schemas.ts'
import { decisionRecord } from './decision-record-schemas.ts'
import type { Route } from './route.ts'

const lost = z.strictObject({
  count: z.int().meta({ description: 'So many that would have been sent were not: the reader was too slow.' }),
  atMost: z.boolean().meta({ description: 'true: lost before anybody saw whose they were; 0 to a caller that is limited to tenants.' }),
})

export const WATCH_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/decisions/watch',
    operation: 'WatchDecisions',
    summary: 'Decisions of this replica as they are made, as server-sent events.',
    scopes: ['audit'],
    request: watchDecisionsSchema,
    response: z.union([decisionRecord, lost, z.strictObject({ at: instant }), problem]),
  },
]
