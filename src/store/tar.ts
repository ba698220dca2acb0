/** Reads a tar (ustar) of files and folders, as PGlite writes it. Neither long names nor links: a database has none. Floor 2. */

export interface TarEntry {
  /** Relative, below the place it is laid out in. */
  readonly name: string
  /** Absent: a folder. A part of the archive, not a copy. */
  readonly content?: Buffer
}

const BLOCK_BYTES = 512

/** In the order of the archive: a folder comes before what is in it. @throws Error for an archive that is cut off, or holds anything else */
export function* filesOfTar(archive: Buffer): Generator<TarEntry> {
  let at = 0
  while (at + BLOCK_BYTES <= archive.length && archive[at] !== 0) {
    const name = textAt(archive, at, 100)
    const size = Number.parseInt(textAt(archive, at + 124, 12), 8)
    const kind = textAt(archive, at + 156, 1)
    const begin = at + BLOCK_BYTES
    if (!Number.isSafeInteger(size) || begin + size > archive.length) throw new Error('The archive is cut off')
    // What was written here is ours; yet nothing of an archive may ever land outside of its place.
    if ((kind !== '0' && kind !== '5') || textAt(archive, at + 345, 155) !== '' || name.split('/').includes('..'))
      throw new Error('The archive holds what is neither file nor folder')
    yield kind === '5' ? { name: `./${name}` } : { name: `./${name}`, content: archive.subarray(begin, begin + size) }
    at = begin + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
  }
  if (at >= archive.length) throw new Error('The archive is cut off')
}

function textAt(archive: Buffer, at: number, length: number): string {
  const field = archive.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}
