/** Records of numbers at numbered places, outside of the collector's heap: a million of them are nothing to walk. Knows no record's meaning. Floor 2. */

/** Places made at once, a power of two: growing moves nothing, and an almost empty store is small. */
const PIECE_BITS = 10
const PIECE_PLACES = 1 << PIECE_BITS
const IN_PIECE = PIECE_PLACES - 1
/** No place: they are counted from 1. */
const NONE = 0

interface Piece {
  readonly numbers: Float64Array
  readonly words: Uint32Array
}

export class Places {
  readonly #numbersEach: number
  readonly #wordsEach: number
  readonly #pieces: Piece[] = []
  /** Highest place that was ever given out. */
  #last = NONE
  /** Released ones are a chain through their first word. */
  #released = NONE
  #used = 0

  /** @param wordsEach unsigned, of 32 bits; at least one */
  constructor(numbersEach: number, wordsEach: number) {
    this.#numbersEach = numbersEach
    this.#wordsEach = wordsEach
  }

  get used(): number {
    return this.#used
  }

  /** Highest place that was ever taken; 0 before the first. */
  get last(): number {
    return this.#last
  }

  get bytesEach(): number {
    return 8 * this.#numbersEach + 4 * this.#wordsEach
  }

  /** @returns a place from 1, with whatever stood there before */
  take(): number {
    this.#used++
    if (this.#released !== NONE) {
      const place = this.#released
      this.#released = this.word(place, 0)
      return place
    }
    const place = ++this.#last
    if (place >> PIECE_BITS >= this.#pieces.length) {
      const numbers = new Float64Array(PIECE_PLACES * this.#numbersEach)
      this.#pieces.push({ numbers, words: new Uint32Array(PIECE_PLACES * this.#wordsEach) })
    }
    return place
  }

  release(place: number): void {
    this.setWord(place, 0, this.#released)
    this.#released = place
    this.#used--
  }

  number(place: number, field: number): number {
    return this.#piece(place).numbers[(place & IN_PIECE) * this.#numbersEach + field] as number
  }

  setNumber(place: number, field: number, value: number): void {
    this.#piece(place).numbers[(place & IN_PIECE) * this.#numbersEach + field] = value
  }

  word(place: number, field: number): number {
    return this.#piece(place).words[(place & IN_PIECE) * this.#wordsEach + field] as number
  }

  setWord(place: number, field: number, value: number): void {
    this.#piece(place).words[(place & IN_PIECE) * this.#wordsEach + field] = value
  }

  #piece(place: number): Piece {
    return this.#pieces[place >> PIECE_BITS] as Piece
  }
}
