/** How somebody is asked a list of questions in one request, and what its answer says. Types only. */
import type { Asked } from '../facts.ts'

export interface GrpcForm {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The whole body: frames. */
  encode(questions: readonly Asked[]): Buffer
  /** In the order of the questions. @throws Error when one has no answer */
  decode(messages: readonly Buffer[], questions: readonly Asked[]): readonly boolean[]
}

export interface HttpForm {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  encode(questions: readonly Asked[]): string
  decode(body: string, questions: readonly Asked[]): readonly boolean[]
}
