/** A problem, written as the answer of a plain HTTP server. Floor 6. */
import type { Problem } from './problem.ts'

/** What is used of a response of `node:http`, and of every framework's that is one. */
export interface AnswerTo {
  readonly headersSent: boolean
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

export function writeProblem(response: AnswerTo, { body, headers }: Problem): void {
  response.statusCode = body.status
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.end(JSON.stringify(body))
}
