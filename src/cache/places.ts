/** Records of numbers at numbered places, outside of the collector's heap: a million of them are nothing to walk. Knows no record's meaning. Floor 2. */

/** Places made and given back at once, a power of two: growing moves nothing, an almost empty store is small, and a piece empties soon. */
const PIECE_BITS = 8
const PIECE_PLACES = 1 << PIECE_BITS
const IN_PIECE = PIECE_PLACES - 1
/** Around the numbers of a piece: its buffer, both views of it, and the list's own place. */
const PIECE_BYTES = 400
/** No place: they are counted from 1. */
const NONE = 0

interface Piece {
  readonly numbers: Float64Array
  readonly words: Uint32Array
  used: number
  /** Next of its places that was never given out. */
  fresh: number
  /** Released ones are a chain through their first word. */
  released: number
}

export class Places {
  readonly #numbersEach: number
  readonly #wordsEach: number
  /** Absent where all was released. */
  readonly #pieces: (Piece | undefined)[] = []
  /** Indexes of absent pieces. */
  readonly #absent: number[] = []
  /** Indexes of pieces with room. What is taken comes from the last one, so that the first ones empty. */
  readonly #open: number[] = []

  /** @param wordsEach unsigned, of 32 bits; at least one */
  constructor(numbersEach: number, wordsEach: number) {
    this.#numbersEach = numbersEach
    this.#wordsEach = wordsEach
  }

  /** What is held for them, whether they are used or not. */
  get bytes(): number {
    const pieceBytes = PIECE_BYTES + PIECE_PLACES * (8 * this.#numbersEach + 4 * this.#wordsEach)
    return (this.#pieces.length - this.#absent.length) * pieceBytes
  }

  /** @returns a place from 1, with whatever stood there before */
  take(): number {
    const index = this.#open.at(-1) ?? this.#make()
    const piece = this.#pieces[index] as Piece
    let place = piece.released
    if (place === NONE) place = piece.fresh++
    else piece.released = this.word(place, 0)
    piece.used++
    if (isFull(piece, index)) this.#open.pop()
    return place
  }

  release(place: number): void {
    const index = place >> PIECE_BITS
    const piece = this.#pieces[index] as Piece
    if (isFull(piece, index)) this.#open.push(index)
    this.setWord(place, 0, piece.released)
    piece.released = place
    if (--piece.used > 0) return
    this.#open.splice(this.#open.indexOf(index), 1)
    this.#pieces[index] = undefined
    this.#absent.push(index)
  }

  /** The number after this one, if need be after those that nothing is held for; from the last back to the first. @param place 0: the first */
  after(place: number): number {
    const next = place + 1
    let index = next >> PIECE_BITS
    if (this.#pieces[index] !== undefined) return next
    while (index < this.#pieces.length && this.#pieces[index] === undefined) index++
    if (index >= this.#pieces.length)
      index = Math.max(
        0,
        this.#pieces.findIndex((piece) => piece !== undefined),
      )
    return Math.max(1, index << PIECE_BITS)
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

  /** @returns its index */
  #make(): number {
    const index = this.#absent.pop() ?? this.#pieces.length
    const numbers = new Float64Array(PIECE_PLACES * this.#numbersEach)
    const words = new Uint32Array(PIECE_PLACES * this.#wordsEach)
    this.#pieces[index] = { numbers, words, used: 0, fresh: Math.max(1, index << PIECE_BITS), released: NONE }
    this.#open.push(index)
    return index
  }

  #piece(place: number): Piece {
    return this.#pieces[place >> PIECE_BITS] as Piece
  }
}

/** The first piece has one place less: none is 0. */
function isFull({ used }: Piece, index: number): boolean {
  return used === (index === 0 ? PIECE_PLACES - 1 : PIECE_PLACES)
}
