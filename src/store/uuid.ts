/** Whether a text can be asked for as a uuid: a cast that fails would be a fault of the store, not an answer. Floor 2. */

/** As PostgreSQL writes it, and `randomUUID`: one id has one text, which caches may take as its key. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function isUuid(text: string): boolean {
  return UUID.test(text)
}
