/** Who answers questions: the service over a wire, this process, or one in front of the other. Types only. Floor 6. */
import type { CallOptions, Decision, PermissionList, Question } from '../client.ts'
import type { CastellanError } from '../errors.ts'

/** What a client asks, however it is answered; `asking/open-client.ts` makes a `Client` of it. */
export interface Asker {
  /** The answer when it is at hand in this very moment, without waiting; absent: there never is one. */
  peek?(question: Question, options?: CallOptions): Decision | undefined
  check(question: Question, options?: CallOptions): Promise<Decision>
  /** In order; one question's failure is that question's. */
  checkAll(questions: readonly Question[], options?: CallOptions): Promise<readonly (Decision | CastellanError)[]>
  listPermissions(subject: { readonly user: string; readonly tenant: string }, options?: CallOptions): Promise<PermissionList>
  close(): Promise<void>
}
