/** The answers to many permissions as a line has them. The same lists are asked again and again, for other people: what was made for one is kept. Floor 5. */
import { LINE_LISTS_KEPT_MAX } from '../../model/observation-limits.ts'
import type { PermissionEntry } from '../../model/policy.ts'
import { escaped, type Piece, pieceOf } from './line-text.ts'
import { nameOf } from './record.ts'

/** One list of names with one list of answers. */
export interface AnswerText extends Piece {
  /** Names as recordOf gives them, in order. */
  readonly allowing: readonly { readonly permission: string }[]
  /** Allows alone, and none of high risk. */
  readonly mattersLess: boolean
}

interface AskedList {
  readonly asked: readonly string[]
  readonly entries: readonly (PermissionEntry | undefined)[]
  readonly allowed: readonly boolean[]
  readonly answers: AnswerText
}

type Find = (asked: string) => { readonly entry: PermissionEntry } | undefined

export class AnswerTexts {
  /** Of one policy; the one that was used last stands first. */
  #lists: readonly AskedList[] = []

  /** Another policy has other entries. */
  clear(): void {
    this.#lists = []
  }

  of(asked: readonly string[], allowed: readonly boolean[], find: Find): AnswerText {
    let other: AskedList | undefined
    for (const list of this.#lists) {
      if (!isSame(list.asked, asked)) continue
      if (isSame(list.allowed, allowed)) return this.#use(list).answers
      other ??= list
    }
    const entries = other?.entries ?? asked.map((name) => find(name)?.entry)
    const made: AskedList = { asked, entries, allowed, answers: answersOf(asked, entries, allowed) }
    return this.#use(made).answers
  }

  #use(list: AskedList): AskedList {
    if (this.#lists[0] !== list) this.#lists = [list, ...this.#lists.filter((one) => one !== list)].slice(0, LINE_LISTS_KEPT_MAX)
    return list
  }
}

function answersOf(asked: readonly string[], entries: AskedList['entries'], allowed: readonly boolean[]): AnswerText {
  const allowing: { readonly permission: string }[] = []
  let text = ''
  let isHigh = false
  for (let index = 0; index < asked.length; index++) {
    const entry = entries[index]
    const isAllowed = allowed[index] === true
    const permission = entry?.name ?? nameOf(asked[index] ?? '')
    const code = entry === undefined ? '' : `,"code":"${escaped(entry.code)}"`
    text += `${index === 0 ? '' : ','}{"permission":"${escaped(permission)}"${code},"allowed":${isAllowed}}`
    if (isAllowed) allowing.push({ permission })
    if (entry?.risk === 'high') isHigh = true
  }
  return { ...pieceOf(`,"permissions":[${text}],"via":`), allowing, mattersLess: !isHigh && !allowed.includes(false) }
}

export function isSame<T extends string | boolean>(one: readonly T[], other: readonly T[]): boolean {
  if (one === other) return true
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false
  return true
}
