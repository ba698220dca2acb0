/** The answers to many permissions as a line has them: what was written for one list of names and answers is kept. Floor 5. */
import { LINE_ANSWERS_KEPT_MAX, NAME_LISTS_KEPT_MAX } from '../../model/observation-limits.ts'
import type { PermissionEntry } from '../../model/policy.ts'
import { isSame, KeptLists } from '../kept-lists.ts'
import { escaped, type Piece, pieceOf } from './line-text.ts'
import { nameOf } from './record.ts'

/** One list of names with one list of answers. */
export interface AnswersPiece extends Piece {
  readonly allowed: readonly boolean[]
  /** Names as recordOf gives them, in order. */
  readonly allowing: readonly { readonly permission: string }[]
  /** Allows alone, and none of high risk. */
  readonly mattersLess: boolean
}

/** One list of names. */
interface Asked {
  readonly entries: readonly (PermissionEntry | undefined)[]
  /** The latest first. */
  pieces: readonly AnswersPiece[]
}

export class AnswersPieces {
  /** Of one policy: another one has other entries. */
  readonly #lists = new KeptLists<Asked>(NAME_LISTS_KEPT_MAX)

  clear(): void {
    this.#lists.clear()
  }

  of(names: readonly string[], allowed: readonly boolean[], find: (name: string) => PermissionEntry | undefined): AnswersPiece {
    const asked = this.#lists.of(names, () => ({ entries: names.map(find), pieces: [] }))
    for (const piece of asked.pieces) if (isSame(piece.allowed, allowed)) return piece
    const made = pieceOfAnswers(names, asked.entries, allowed)
    asked.pieces = [made, ...asked.pieces].slice(0, LINE_ANSWERS_KEPT_MAX)
    return made
  }
}

function pieceOfAnswers(names: readonly string[], entries: Asked['entries'], allowed: readonly boolean[]): AnswersPiece {
  const allowing: { readonly permission: string }[] = []
  let text = ''
  let isHigh = false
  for (let index = 0; index < names.length; index++) {
    const entry = entries[index]
    const isAllowed = allowed[index] === true
    const permission = entry?.name ?? nameOf(names[index] ?? '')
    const code = entry === undefined ? '' : `,"code":"${escaped(entry.code)}"`
    text += `${index === 0 ? '' : ','}{"permission":"${escaped(permission)}"${code},"allowed":${isAllowed}}`
    if (isAllowed) allowing.push({ permission })
    if (entry?.risk === 'high') isHigh = true
  }
  const mattersLess = !isHigh && !allowed.includes(false)
  return { ...pieceOf(`,"permissions":[${text}],"via":`), allowed, allowing, mattersLess }
}
