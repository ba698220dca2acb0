/** The one table of HTTP routes: what express serves and what the API description says are both made from it. Floor 5. */
import { ADMINISTRATION_ROUTES } from './administration-routes.ts'
import { AUDIT_TRAIL_ROUTES } from './audit-trail-routes.ts'
import { DECISION_ROUTES } from './decision-routes.ts'
import { HISTORY_ROUTES } from './history-routes.ts'
import { RELEASE_ROUTES } from './release-routes.ts'
import type { Route } from './route.ts'
import { WATCH_ROUTES } from './watch-routes.ts'

export const ROUTES: readonly Route[] = [
  ...DECISION_ROUTES,
  ...ADMINISTRATION_ROUTES,
  ...RELEASE_ROUTES,
  ...AUDIT_TRAIL_ROUTES,
  // Before the decision with an id: its address is none.
  ...WATCH_ROUTES,
  ...HISTORY_ROUTES,
]
