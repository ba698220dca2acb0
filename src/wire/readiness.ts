/** Whether this process should be sent requests, and which dependency says no. Shared by all probes. Floor 4. */

export interface ReadinessReport {
  readonly ready: boolean
  /** `text` is shown to anybody: no addresses, no driver texts. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly text: string }[]
}

export type Readiness = () => Promise<ReadinessReport>

/** Probes that come while one is under way share its answer: asking needs no key, so it must not multiply work. */
export function sharedReadiness(readiness: Readiness): Readiness {
  let underWay: Promise<ReadinessReport> | undefined
  return () => {
    underWay ??= readiness()
      .catch((): ReadinessReport => ({ ready: false, checks: [{ name: 'readiness', ok: false, text: 'could not be determined' }] }))
      .finally(() => {
        underWay = undefined
      })
    return underWay
  }
}
