/** The text of docs/errors.md, written from the one table of errors. Floor 6. */
import { errorTableMarkdown } from '../wire/error-table.ts'

export function errorsPage(): string {
  return `# Errors

Over HTTP an error is an RFC 9457 body, \`application/problem+json\`: \`type\`, \`title\`, \`status\`, \`detail\`, \`code\`, \`requestId\`, and where they help \`hint\` and
\`violations\` (each with \`field\` and \`message\`). Over gRPC it is a status with \`google.rpc\` details: ErrorInfo (its reason is the code in upper case), BadRequest, RetryInfo.
Codes are stable, texts are not; new codes may be added. A deny is an answer, not an error. This page is written by \`npm run generate\`.

${errorTableMarkdown()}`
}
