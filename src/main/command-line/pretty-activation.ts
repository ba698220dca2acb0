/** An activation in words: what took force, or when it will, and what else still waits. Floor 6. */
import { records, shortRevision, text } from './pretty.ts'
import type { Json } from './service-client.ts'

export function revisionText(record: Json, field: string): string {
  return shortRevision(text(record, field))
}

export function prettyActivation(answer: Json): string {
  const scheduled = records({ scheduled: [answer['scheduled']] }, 'scheduled')[0]
  const revision = revisionText(answer, 'revision')
  const id = scheduled === undefined ? '' : text(scheduled, 'id')
  const others = records(answer, 'waiting').filter((one) => text(one, 'id') !== id)
  const waiting = others
    .map((one) => `still waiting: ${revisionText(one, 'revision')} at ${text(one, 'activateAt')} (${text(one, 'id')})\n`)
    .join('')
  const position = `(position ${text(answer, 'position')})`
  if (scheduled !== undefined)
    return `${revision} will be activated at ${text(scheduled, 'activateAt')} ${position}\ncall it off: castellan policy schedule cancel ${id}\n${waiting}`
  const before = revisionText(answer, 'previousRevision')
  const done =
    answer['changed'] === false
      ? `${revision} was in force already`
      : `activated ${revision}${before === '' ? '' : `, before it ${before}`}`
  const effective =
    answer['effective'] === true
      ? 'in force on every replica\n'
      : 'not yet in force on every replica, as far as is known: castellan policy replicas says who lags behind\n'
  return `${done} ${position}\n${waiting}${effective}`
}
