/** The line of one local client to the replicas: a place in between where it can be frozen and cut. Judges nothing. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Chance } from './chance.ts'
import type { Load } from './load.ts'
import type { ReplicaSlot } from './replica.ts'

/** Milliseconds; the longest is beyond both bounds, and short enough for the line to be used again. */
const FROZEN_MS = [500, 4_500] as const
const CALM_MS = [500, 2_500] as const

export class LocalLine {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #turn = 0
  frozen = 0
  cut = 0

  private constructor(slots: readonly ReplicaSlot[]) {
    this.#server = createServer((near) => {
      // Processes come and go behind a slot, each with ports of its own.
      const port = slots[this.#turn++ % slots.length]?.wires.ports.grpc ?? 0
      const far = connect(port, '127.0.0.1')
      const pair = [near, far] as const
      this.#pairs.add(pair)
      const end = () => {
        this.#pairs.delete(pair)
        near.destroy()
        far.destroy()
      }
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on('data', (bytes) => to.write(bytes))
        from.on('error', end).on('close', end)
      }
    })
  }

  static async open(slots: readonly ReplicaSlot[], turn: number): Promise<LocalLine> {
    const line = new LocalLine(slots)
    line.#turn = turn
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve))
    return line
  }

  get target(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Breaks it again and again until the load stops; the first time for so long that also a short run has seen it. */
  async trouble(load: Load, chance: Chance): Promise<void> {
    while (!load.stopped) {
      await load.pause(chance.between(...CALM_MS))
      if (this.frozen > 0 && chance.is(0.3)) {
        this.cut++
        for (const [near] of [...this.#pairs]) near.destroy()
        continue
      }
      this.frozen++
      // What it asks is held up, what it is told, or both.
      const way = this.frozen === 1 ? 'both' : chance.pick(['both', 'asked', 'told'] as const)
      const frozen = [...this.#pairs].flatMap(([near, far]) => (way === 'both' ? [near, far] : [way === 'asked' ? near : far]))
      // What stands in between is delivered later, as a network does: whole and in order.
      for (const socket of frozen) socket.pause()
      await load.pause(this.frozen === 1 ? FROZEN_MS[1] : chance.between(...FROZEN_MS))
      for (const socket of frozen) socket.resume()
    }
  }

  async close(): Promise<void> {
    for (const [near] of [...this.#pairs]) near.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
