/**
 * Calls go in turn to the replicas that say they serve. A replica's word only prefers others to it: where nobody serves, all are asked, since the answer
 * itself says better what is wrong. grpc-js knows no `healthCheckConfig`; asking now and then also notices one that hangs, and keeps no process alive. Floor 6.
 */
import { Client, connectivityState, credentials, experimental, status } from '@grpc/grpc-js'
import { HEALTH_INTERVAL_MS, HEALTH_TIMEOUT_MS } from '../limits.ts'

const POLICY = 'castellan_serving_round_robin'
const METHOD = '/grpc.health.v1.Health/Check'
const SERVICE = Buffer.from('castellan.v1.DecisionService')
/** HealthCheckRequest: field 1, the service. */
const REQUEST = Buffer.concat([Buffer.from([0x0a, SERVICE.length]), SERVICE])
/** HealthCheckResponse: field 1, SERVING. */
const SERVING = Buffer.from([0x08, 0x01])

/** The service config that has calls balanced so; makes the policy known to the library, which keeps them by name. */
export function servingRoundRobin(): string {
  if (!experimental.isLoadBalancerNameRegistered(POLICY)) experimental.registerLoadBalancerType(POLICY, ServingBalancer, ServingConfig)
  return JSON.stringify({ loadBalancingConfig: [{ [POLICY]: {} }] })
}

class ServingConfig implements experimental.TypedLoadBalancingConfig {
  getLoadBalancerName(): string {
    return POLICY
  }

  toJsonObject(): object {
    return { [POLICY]: {} }
  }

  static createFromJson(): ServingConfig {
    return new ServingConfig()
  }
}

class ServingBalancer implements experimental.LoadBalancer {
  readonly #child: experimental.ChildLoadBalancerHandler
  readonly #replicas = new Set<Replica>()
  #timer: NodeJS.Timeout | undefined
  #judging = false

  constructor(helper: experimental.ChannelControlHelper) {
    this.#child = new experimental.ChildLoadBalancerHandler(
      experimental.createChildChannelControlHelper(helper, {
        createSubchannel: (address, options) => {
          const replica = new Replica(helper.createSubchannel(address, options), (change) => this.#changed(replica, change))
          this.#replicas.add(replica)
          this.#changed(replica, 'state')
          return replica
        },
        updateState: (state, picker, message) => helper.updateState(state, new ReplicaPicker(picker), message),
      }),
    )
  }

  updateAddressList(...[endpoints, config, options, note]: Parameters<experimental.LoadBalancer['updateAddressList']>): boolean {
    if (!(config instanceof ServingConfig)) return false
    return this.#child.updateAddressList(endpoints, experimental.parseLoadBalancingConfig({ round_robin: {} }), options, note)
  }

  exitIdle(): void {
    this.#child.exitIdle()
  }

  resetBackoff(): void {
    this.#child.resetBackoff()
  }

  destroy(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#child.destroy()
  }

  getTypeName(): string {
    return POLICY
  }

  #changed(replica: Replica, change: 'state' | 'word' | 'gone'): void {
    if (change === 'gone') this.#replicas.delete(replica)
    // Of one alone it does not matter what it says.
    if (this.#replicas.size < 2) {
      clearInterval(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#askAll(), HEALTH_INTERVAL_MS).unref()
    }
    if (change === 'state' && this.#replicas.size > 1) replica.askHealth()
    if (this.#judging) return
    this.#judging = true
    // Not in the middle of the library's own change of state.
    queueMicrotask(() => {
      this.#judging = false
      this.#judge()
    })
  }

  #askAll(): void {
    for (const replica of this.#replicas) replica.askHealth()
  }

  #judge(): void {
    const anybody = [...this.#replicas].some((replica) => replica.connected && replica.serving)
    for (const replica of this.#replicas) replica.prefer(replica.serving || !anybody)
  }
}

/** One connection, with what its replica said last. */
class Replica extends experimental.BaseSubchannelWrapper {
  readonly #changed: (change: 'state' | 'word' | 'gone') => void
  readonly #listener: experimental.ConnectivityStateListener
  #asking = false
  serving = true

  constructor(child: experimental.SubchannelInterface, changed: (change: 'state' | 'word' | 'gone') => void) {
    super(child)
    this.#changed = changed
    this.#listener = () => {
      // Another connection may lead to another process.
      this.serving = true
      changed('state')
    }
    child.addConnectivityStateListener(this.#listener)
  }

  get connected(): boolean {
    return this.child.getConnectivityState() === connectivityState.READY
  }

  get wrapped(): experimental.SubchannelInterface {
    return this.child
  }

  prefer(preferred: boolean): void {
    this.setHealthy(preferred)
  }

  askHealth(): void {
    if (this.#asking || !this.connected) return
    this.#asking = true
    const client = new Client(this.child.getAddress(), credentials.createInsecure(), { channelOverride: this.child.getChannel() })
    const same = (bytes: Buffer) => bytes
    client.makeUnaryRequest(METHOD, same, same, REQUEST, { deadline: Date.now() + HEALTH_TIMEOUT_MS }, (fault, answer) => {
      this.#asking = false
      const serving = fault === null ? answer?.equals(SERVING) === true : SAYS_NOTHING.includes(fault.code)
      if (serving === this.serving) return
      this.serving = serving
      this.#changed('word')
    })
  }

  protected override destroy(): void {
    super.destroy()
    this.child.removeConnectivityStateListener(this.#listener)
    this.#changed('gone')
  }
}

/** Nobody to say it, or a connection that ended, which is known by itself. */
const SAYS_NOTHING: readonly number[] = [status.UNIMPLEMENTED, status.UNAVAILABLE, status.CANCELLED]

/** The library compares connections, not what is around them. */
class ReplicaPicker implements experimental.Picker {
  readonly #picker: experimental.Picker

  constructor(picker: experimental.Picker) {
    this.#picker = picker
  }

  pick(call: experimental.PickArgs): experimental.PickResult {
    const picked = this.#picker.pick(call)
    return picked.subchannel instanceof Replica ? ({ ...picked, subchannel: picked.subchannel.wrapped } as experimental.PickResult) : picked
  }
}
