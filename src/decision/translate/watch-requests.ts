/** What a reader of the live stream may ask for. Floor 5. */
import { z } from 'zod'
import { decisionFilterFields } from './decision-filter.ts'

export const watchDecisionsSchema = z.strictObject(decisionFilterFields)
