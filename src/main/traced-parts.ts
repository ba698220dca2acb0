/** The same parts with a span around what takes time; put there only where tracing is on. Attributes never name who is asked about. Floor 6. */
import type { AccessResolver } from '../access/resolve.ts'
import type { SharedLevel } from '../cache/ports.ts'
import type { Tracing } from '../ground/tracing.ts'
import type { DecisionObserver } from '../model/decision-record.ts'
import type { Store } from '../store/ports.ts'
import type { CallSpans } from '../wire/call-spans.ts'

export function tracedResolver(resolver: AccessResolver, tracing: Tracing): AccessResolver {
  return {
    ...resolver,
    // Every look has a span.
    recall: () => undefined,
    resolve: (tenant, user, minPosition, signal) =>
      tracing.within(
        'castellan.resolve',
        () => resolver.resolve(tenant, user, minPosition, signal),
        ({ level, position, policy }) => ({
          'castellan.level': level,
          'castellan.position': position,
          'castellan.policy.revision': policy.revision,
        }),
      ),
  }
}

export function tracedStore(store: Store, tracing: Tracing): Store {
  const { access } = store
  return {
    ...store,
    access: {
      ...access,
      resolve: (tenant, user) =>
        tracing.within(
          'castellan.store.resolve',
          () => access.resolve(tenant, user),
          ({ position, assignments }) => ({ 'castellan.position': position, 'castellan.assignments': assignments.length }),
        ),
      listHolders: (tenant, roles, after, limit) =>
        tracing.within(
          'castellan.store.list-holders',
          () => access.listHolders(tenant, roles, after, limit),
          ({ position, holders }) => ({ 'castellan.position': position, 'castellan.holders': holders.length }),
        ),
    },
    change: (work) =>
      tracing.within(
        'castellan.store.change',
        () => store.change(work),
        () => ({}),
      ),
  }
}

export function tracedShared(shared: SharedLevel, tracing: Tracing): SharedLevel {
  return {
    get: (tenant, user) =>
      tracing.within(
        'castellan.cache.get',
        () => shared.get(tenant, user),
        (state) => ({ 'castellan.cache.hit': state !== undefined }),
      ),
    put: (tenant, user, state, ttlMs) => shared.put(tenant, user, state, ttlMs),
    observe: (identity) => shared.observe(identity),
    onHeadAhead: (listener) => shared.onHeadAhead(listener),
  }
}

export function callSpans(tracing: Tracing): CallSpans {
  return {
    begin(wire, method, incoming) {
      const { ref, run, end } = tracing.enter(`castellan.${method}`, { 'castellan.wire': wire, 'castellan.method': method }, incoming)
      return {
        // What is not recorded here is recorded by whoever asks, perhaps.
        trace: ref ?? incoming,
        response: ref === undefined ? undefined : `00-${ref.traceId}-${ref.spanId}-${ref.sampled ? '01' : '00'}`,
        run,
        ended: (code, failed) => end({ 'castellan.code': code }, failed),
      }
    },
  }
}

/** Says in the span of a call what was decided; a batch has many decisions, and its span none of them. */
export function tellingObserver(tracing: Tracing): DecisionObserver {
  return {
    decided({ decision, method }) {
      if (method === 'BatchCheck') return
      const { policyRevision, position, basis } = decision
      tracing.tell({
        ...('reason' in decision ? { 'castellan.outcome': decision.allowed ? 'allow' : 'deny', 'castellan.reason': decision.reason } : {}),
        'castellan.level': basis.found?.level ?? 'none',
        'castellan.policy.revision': policyRevision,
        'castellan.position': position,
      })
    },
  }
}
