/** Who was admitted with which request, for the handlers behind a guard. No property of the request: nobody can plant or replace one. Floor 6. */
import type { Access } from './admit.ts'

export interface AccessBook<Permission extends string> {
  put(request: object, access: Access<Permission> | undefined): void
  /** @throws TypeError when no guard with a requirement has admitted this request */
  get(request: object): Access<Permission>
}

export function openAccessBook<Permission extends string>(): AccessBook<Permission> {
  const admitted = new WeakMap<object, Access<Permission>>()
  return {
    put(request, access) {
      if (access !== undefined) admitted.set(request, access)
    },
    get(request) {
      const access = admitted.get(request)
      if (access === undefined)
        throw new TypeError('No guard of this kind admitted the request: put require(…) before the handler that asks who calls')
      return access
    },
  }
}
