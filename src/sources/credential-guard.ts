import { guardOf } from '../model/credential-guard.ts';
import type { Finding, Json } from '../model/event.ts';
import { remembering } from '../model/hide.ts';
import type { Hide } from '../model/hide.ts';
import { proxyCredentials } from '../net/proxies.ts';
import type {
  Harvest,
  Source,
  SourceContext,
  SourceDefinition,
  SourceOrigin,
  SourceState,
  Trouble,
} from './source.ts';

/**
 * A source type whose sources have their credentials guarded: they are taken out of findings, reasons, warnings, errors, the state and
 * the origin, and `credentialReplaced` looks at all of them. Events stay byte for byte; the source cleans its progress, whose numbers must stay.
 */
export function guardSource<Options>(definition: SourceDefinition<Options>): SourceDefinition<Options> {
  return {
    ...definition,
    create: (options, context) =>
      openGuarded(options, context, (around) => definition.create(options, around)),
  };
}

/** A source that `open` makes of these options. */
export function openGuarded<Options>(
  options: Options,
  context: SourceContext,
  open: (context: SourceContext) => Source,
): Source {
  const guard = guardOf(options, proxyCredentials(), (message) => context.warn(message));
  const { hide, replaced, cleanError, cleanReport, sayFallbacks } = guard;
  const source = open({ ...context, warn: (message) => context.warn(hide(message)) });
  async function* clean<H extends Harvest>(
    harvests: AsyncIterable<H>,
    signal: AbortSignal,
  ): AsyncGenerator<H> {
    try {
      for await (const harvest of harvests) yield cleanHarvest(harvest, hide);
    } catch (error) {
      throw cleanError(error, signal);
    } finally {
      sayFallbacks();
    }
  }
  let known: SourceOrigin | null = null;
  let shown: SourceOrigin | null = null;
  // Every member of the contract, so that none is forgotten when there is a new one.
  const members: Required<Source> = {
    poll: (held, progress, signal) => clean(source.poll(held, progress, signal), signal),
    async *read(windows, signal) {
      for await (const harvest of clean(source.read(windows, signal), signal)) {
        const { aside } = harvest;
        yield aside === undefined
          ? harvest
          : { ...harvest, aside: aside.map((one) => cleanTrouble(one, hide)) };
      }
    },
    count: (window, expected, signal) =>
      guard.told(source.count(window, expected, signal), signal, (count) => count),
    offsetNs: (progress) => source.offsetNs?.(progress) ?? 0n,
    startNs: (progress) => source.startNs?.(progress) ?? null,
    check: (signal) => guard.told(source.check(signal), signal, cleanReport),
    state: () => cleanState(source.state(), hide),
    origin() {
      const origin = source.origin();
      if (shown === null || origin !== known) shown = cleanOrigin(origin, hide);
      known = origin;
      return shown;
    },
    credentialReplaced: () => replaced() || source.credentialReplaced?.() === true,
    close: () => source.close(),
  };
  return members;
}

function cleanHarvest<H extends Harvest>(harvest: H, hide: Hide): H {
  if (harvest.findings.length === 0 && harvest.malformed.length === 0) return harvest;
  return {
    ...harvest,
    findings: harvest.findings.map((finding) => cleanFinding(finding, hide)),
    malformed: harvest.malformed.map((item) => ({ ...item, reason: hide(item.reason) })),
  };
}

function cleanState(state: SourceState, hideOnce: Hide): SourceState {
  const { troubles, standing = [], clock = null } = state;
  if (troubles.length === 0 && standing.length === 0 && clock === null) return state;
  const hide = remembering(hideOnce);
  return {
    ...state,
    troubles: troubles.map((trouble) => cleanTrouble(trouble, hide)),
    standing: standing.map((finding) => cleanFinding(finding, hide)),
    clock: clock === null ? null : { ...clock, text: hide(clock.text), hint: hide(clock.hint) },
  };
}

function cleanTrouble({ reason, hint, ...trouble }: Trouble, hide: Hide): Trouble {
  return { ...trouble, reason: hide(reason), ...(hint === undefined ? {} : { hint: hide(hint) }) };
}

function cleanFinding(finding: Finding, hide: Hide): Finding {
  const { summary, detail } = finding;
  return {
    ...finding,
    summary: hide(summary),
    ...(detail === undefined ? {} : { detail: cleanJson(detail, hide) }),
  };
}

function cleanJson(value: Json, hide: Hide): Json {
  if (typeof value === 'string') return hide(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => cleanJson(item, hide));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [hide(key), cleanJson(item, hide)]));
}

/** The instance is the host of the configured address, and stays. */
function cleanOrigin(origin: SourceOrigin, hide: Hide): SourceOrigin {
  const { platformVersion, tenantId } = origin;
  return {
    ...origin,
    ...(platformVersion === undefined ? {} : { platformVersion: hide(platformVersion) }),
    ...(tenantId === undefined ? {} : { tenantId: hide(tenantId) }),
  };
}
