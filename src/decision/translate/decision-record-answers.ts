/** Records of decisions → messages of either wire, with the proto3 JSON names. Filters and masks nothing. Floor 5. */
import type { DecisionRecord } from '../../model/decision-record.ts'
import type { Message } from '../../wire/error-message.ts'
import type { WireForm } from './wire-form.ts'

/** What kind of record it is says the field or list that it stands in. */
export function decisionRecordMessage({ type: _type, at, resource, ...record }: DecisionRecord, form: WireForm): Message {
  return {
    ...record,
    at: form.instant(Date.parse(at)),
    ...(resource === undefined ? {} : { resource: resourceMessage(resource, form) }),
  }
}

function resourceMessage({ attributes, ...named }: NonNullable<DecisionRecord['resource']>, form: WireForm): Message {
  return attributes === undefined ? named : { ...named, attributes: form.object(attributes) }
}
