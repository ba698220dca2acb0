/** The bulk reads of plans and budgets, on every implementation. */
import { impactContract } from '../contract/impact.contract.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('the bulk reads', (current) => {
  impactContract(current)
})
