/** Who could what at some time, what ends soon, what nobody uses; guarded. Floor 3. */
import type { AccessHistory } from '../model/access-history.ts'

export function openAccessHistory(): AccessHistory {
  const notYet = async (): Promise<never> => {
    throw new Error('not built yet')
  }
  return { listPermissionsAt: notYet, listUsersAt: notYet, listExpiring: notYet, reportRoleUse: notYet }
}
