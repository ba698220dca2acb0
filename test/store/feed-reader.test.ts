/** The feed's contract, on every implementation. */
import { feedContract } from '../contract/feed.contract.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('the feed', (current) => {
  feedContract(current)
})
