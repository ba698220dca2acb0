/** The routes of an auditor's questions. Floor 5. */
import type { Route } from './route.ts'

export const HISTORY_ROUTES: readonly Route[] = []
