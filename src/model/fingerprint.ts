/** A short number for an id that is not to be told. Not a secret's guard: a guess can be confirmed. Floor 1. */

const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** 32 bits of FNV-1a over the UTF-16 code units of `id`, low byte first. Source: draft-eastlake-fnv, section 2. */
export function fingerprintOf(id: string): number {
  let hash = OFFSET_BASIS
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index)
    hash = Math.imul(hash ^ (unit & 0xff), PRIME)
    hash = Math.imul(hash ^ (unit >>> 8), PRIME)
  }
  return hash >>> 0
}
