/** An access token → what it says, by the keys that are published now. Does not know whether what it names still lives. Floor 3. */
import type { KeysReading } from '../store/identity-ports.ts'
import { namesUnknownKey, type TokenOutcome, type TokenVerifier } from '../token/verify.ts'
import type { KeyFinder } from './find-keys.ts'
import type { Found } from './fresh-reader.ts'

export interface VerifyingNeeds {
  readonly keys: KeyFinder
  readonly verifier: TokenVerifier
}

export interface VerifiedToken {
  readonly token: TokenOutcome
  /** What says so. */
  readonly published: Found<KeysReading>
}

/**
 * A key may sign as soon as it is published, which is before every replica has to know of it: one that is unknown is looked for once more
 * before its token is called invalid.
 * @throws StoreError and ServiceError as KeyFinder.find
 */
export async function verifyAccessToken(
  { keys, verifier }: VerifyingNeeds,
  accessToken: string,
  minPosition: number | undefined,
  signal?: AbortSignal,
): Promise<VerifiedToken> {
  const published = await keys.find(minPosition, signal)
  const token = await verifier.verify(accessToken, published.value.keys)
  const isOfNewKey = token === 'invalid' && namesUnknownKey(accessToken, published.value.keys) && (await keys.catchUp(signal))
  if (!isOfNewKey) return { token, published }
  const again = await keys.find(minPosition, signal)
  return { token: await verifier.verify(accessToken, again.value.keys), published: again }
}
