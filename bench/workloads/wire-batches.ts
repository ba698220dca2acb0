/** Many checks a request, everything warm: batches, and names of one person, each of several sizes. */

import type { CastellanForms } from '../forms/castellan-forms.ts'
import type { GrpcForm } from '../forms/form.ts'
import { needH2load } from '../load/generators.ts'
import { openGrpcContender } from '../load/grpc-contender.ts'
import type { Shape } from '../load/h2load.ts'
import { personLists } from '../questions.ts'
import type { Workload } from '../workload.ts'
import { turnsWorkload } from './wire-checks.ts'

/** One a round. */
const REQUESTS = 8
/** From here on a request is large: fewer at once keep the server as busy. */
const LARGE = 1_000
const SHAPE: Shape = { connections: 8, streams: 16 }
/** About each resource that Cerbos is asked about. */
const ACTIONS = 5
const LARGE_ACTIONS = 10
const LARGE_SHAPE: Shape = { connections: 2, streams: 2 }

export const wireBatches: readonly Workload[] = [10, 50, 100, 1_000].map((size) =>
  batchWorkload(`wire-batch-${size}`, `BatchCheck of ${size}`, size, ({ batch }) => batch),
)

export const wirePermissions: readonly Workload[] = [50, 1_000].map((size) =>
  batchWorkload(`wire-permissions-${size}`, `CheckPermissions of ${size}`, size, ({ permissions }) => permissions),
)

function batchWorkload(name: string, title: string, size: number, formOf: (forms: CastellanForms) => GrpcForm): Workload {
  return turnsWorkload(
    { name, title, unit: 'checks/s' },
    needH2load,
    async ({ facts, castellan, cerbos, bare, folder, expected }, bench) => {
      const requests = personLists(facts, size, REQUESTS)
      const shape = size < LARGE ? SHAPE : LARGE_SHAPE
      const actions = size < LARGE ? ACTIONS : LARGE_ACTIONS
      const form = formOf(castellan.forms)
      const shared = { requests, folder, shape }
      const ours = {
        ...shared,
        name: 'castellan',
        role: 'ours',
        server: castellan.server,
        port: castellan.server.grpcPort,
        form,
        expected,
      } as const
      const floor = { ...shared, name: 'bare grpc-js', role: 'floor', server: bare, port: bare.grpcPort, form } as const
      return {
        contenders: [
          await openGrpcContender(ours, bench),
          ...(cerbos === undefined
            ? []
            : [
                await openGrpcContender(
                  {
                    ...shared,
                    name: 'cerbos',
                    role: 'peer',
                    server: cerbos.server,
                    port: cerbos.server.grpcPort,
                    form: cerbos.forms.batch(actions),
                    expected,
                  },
                  bench,
                ),
              ]),
          await openGrpcContender(floor, bench),
        ],
        facts: `${size} permissions of one person a request, ${shape.connections * shape.streams} requests under way; Cerbos: ${Math.ceil(size / actions)} resources with ${actions} actions`,
      }
    },
  )
}
