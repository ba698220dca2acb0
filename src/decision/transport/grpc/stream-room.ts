/** Bounds the unanswered stream items of one connection, over all of its streams, by pausing them. Refuses nothing. Floor 5. */
import { STREAM_IN_FLIGHT_PER_CONNECTION_MAX } from '../../../model/limits.ts'

/** Full rooms open again when a quarter is free: to wake every stream for each single place would cost more than the checks. */
const OPENS_AGAIN_AT = Math.floor((STREAM_IN_FLIGHT_PER_CONNECTION_MAX * 3) / 4)

/** One stream's part in the room of its connection. */
export interface StreamRoom {
  /** No stream of this connection may take an item now. */
  full(): boolean
  /** An item is under way. */
  take(): void
  /** An item is done; once for each `take`, also after `leave`. */
  giveBack(): void
  /** The stream is over. */
  leave(): void
}

export interface StreamRooms {
  /** @param peer the connection, by its far address and port @param changed called whenever the room became full or opened again */
  join(peer: string, changed: () => void): StreamRoom
}

interface Room {
  readonly members: Set<() => void>
  underWay: number
  full: boolean
}

export function openStreamRooms(): StreamRooms {
  const rooms = new Map<string, Room>()
  return {
    join(peer, changed) {
      const room: Room = rooms.get(peer) ?? { members: new Set(), underWay: 0, full: false }
      rooms.set(peer, room)
      room.members.add(changed)
      const turn = (full: boolean) => {
        room.full = full
        for (const member of [...room.members]) member()
      }
      const forget = () => {
        if (room.members.size === 0 && room.underWay === 0 && rooms.get(peer) === room) rooms.delete(peer)
      }
      return {
        full: () => room.full,
        take() {
          room.underWay += 1
          if (room.full || room.underWay < STREAM_IN_FLIGHT_PER_CONNECTION_MAX) return
          // Who took the last place comes last when the room opens again, so that no stream starves the others.
          if (room.members.delete(changed)) room.members.add(changed)
          turn(true)
        },
        giveBack() {
          room.underWay -= 1
          if (room.full && room.underWay <= OPENS_AGAIN_AT) turn(false)
          forget()
        },
        leave() {
          room.members.delete(changed)
          forget()
        },
      }
    },
  }
}
