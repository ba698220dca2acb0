/** The servers of one run. Each starts when it is first asked for and is shared by the workloads that want the same; all stop together. */
import { cpus } from 'node:os'
import { type Facts, loadFacts } from './facts.ts'
import { type CastellanOptions, type CastellanServer, openCastellan, seedCastellan } from './servers/castellan.ts'
import { findPlace, type Place } from './servers/place.ts'
import { openStores, type Stores } from './servers/stores.ts'

export interface Stage {
  readonly place: Place
  facts(): Promise<Facts>
  stores(): Promise<Stores>
  /** Filled with the facts; the same one for the same options. */
  castellan(options?: CastellanOptions): Promise<CastellanServer>
  /** Any other server: the same one for the same name. It is closed with the rest. */
  shared<T extends Closable>(name: string, open: () => Promise<T>): Promise<T>
  /** What is done once in a run, such as a comparison of all answers. Shares names with servers. */
  once<T>(name: string, run: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Closable {
  close(): Promise<void>
}

export function openStage(): Stage {
  const place = findPlace(cpus().length)
  const opened = new Map<string, Promise<unknown>>()
  /** In the order in which they came up; they go in reverse. */
  const closables: Closable[] = []
  let closing: Promise<void> | undefined

  const once = <T>(name: string, open: () => Promise<T>): Promise<T> => {
    const known = opened.get(name) as Promise<T> | undefined
    if (known !== undefined) return known
    if (closing !== undefined) return Promise.reject(new Error('The stage is closed'))
    const opening = open()
    opened.set(name, opening)
    // Who asked hears of a fault; the next one may try again.
    opening.catch(() => opened.delete(name))
    return opening
  }
  const shared = <T extends Closable>(name: string, open: () => Promise<T>) =>
    once(name, async () => {
      const server = await open()
      closables.push(server)
      return server
    })
  const stage: Stage = {
    place,
    facts: () => once('facts', loadFacts),
    stores: () => shared('stores', openStores),
    castellan: (options = {}) =>
      shared(`castellan ${JSON.stringify(options)}`, async () => {
        const stores = await stage.stores()
        const server = await openCastellan(stores, place, options)
        // One database for all of them: the first one fills it.
        try {
          await once('seed', async () => seedCastellan(server, await stage.facts()))
        } catch (fault) {
          await server.close()
          throw fault
        }
        return server
      }),
    shared,
    once,
    close: () => {
      closing ??= closeAll(opened, closables)
      return closing
    },
  }
  return stage
}

async function closeAll(opened: ReadonlyMap<string, Promise<unknown>>, closables: Closable[]): Promise<void> {
  // What is coming up just now has to be up before it can be closed.
  await Promise.allSettled(opened.values())
  for (const server of closables.reverse()) await server.close()
}
