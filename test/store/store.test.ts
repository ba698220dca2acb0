/** The store's contract, on every implementation. */
import { auditContract, changeContract, holdersContract, recordsContract, resolutionContract } from '../contract/store.contract.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('the store', (current) => {
  resolutionContract(current)
  holdersContract(current)
  changeContract(current)
  recordsContract(current)
  auditContract(current)
})
