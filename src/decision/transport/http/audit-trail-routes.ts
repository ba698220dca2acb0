/** The routes of the audit trail as a proof. Floor 5. */
import type { Route } from './route.ts'

export const AUDIT_TRAIL_ROUTES: readonly Route[] = []
