/** What the decision log needs of a database to write to it. Floor 2. */

export interface DecisionLogWriter {
  /**
   * Records as JSON, of days that have a partition; one that is there already stays as it is. All or none. What they say was used is counted with them.
   * @returns `refused`: the same records would be refused again
   * @throws StoreError
   */
  insert(records: readonly string[]): Promise<'written' | 'refused' | 'no-partition'>
  /** Makes partitions, where there are none. @param days `YYYY-MM-DD`, of UTC */
  createDays(days: readonly string[]): Promise<void>
  /** Drops days that are over since at least so many, and what was counted of days that no report looks back to. @returns those days */
  dropDaysBefore(days: number): Promise<readonly string[]>
  /** What could not be written, so that whoever counts rows later knows. */
  insertLoss(replica: string, lost: number): Promise<void>
  /** Which share of allowed decisions a replica keeps from now on, for the same purpose. */
  insertTerms(replica: string, sampled: number): Promise<void>
}
