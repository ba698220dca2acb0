/** The decision log in the database, guarded. Floor 3. */
import type { DecisionLogReader } from '../model/access-history.ts'

export function openDecisionLogReader(): DecisionLogReader {
  const notYet = async (): Promise<never> => {
    throw new Error('not built yet')
  }
  return { list: notYet, get: notYet }
}
