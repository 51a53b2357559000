import { failedItem } from '../../model/check.ts';
import type { CheckItem, CheckReport } from '../../model/check.ts';
import { ForwardError } from '../../model/errors.ts';
import { globOf } from '../../model/glob.ts';
import { reactionTo, statusFailure } from '../http-fates.ts';
import { describeFlavour, probeFlavour } from './flavour.ts';
import type { Flavour } from './flavour.ts';
import { refusalOf } from './fates.ts';
import { at, listAt, textAt } from './json.ts';
import type { ElasticParts } from './prepare.ts';
import { readInstall } from './prepare.ts';
import { PIPELINE_NAME } from './templates.ts';

/** Looks at everything that a bulk request will need. Writes nothing: templates are installed by the first send. */
export async function checkCluster(parts: ElasticParts, signal: AbortSignal): Promise<CheckReport> {
  const probed = await probe(parts, signal);
  if (!('product' in probed)) return { items: [probed] };
  const items: CheckItem[] = [
    { name: 'reachable', outcome: 'ok', finding: describeFlavour(probed) },
    transportItem(parts),
  ];
  const looks = [privilegesItem, targetItem, pipelineItem];
  for (const look of looks) {
    try {
      items.push(...(await look(parts, probed, signal)));
    } catch (error) {
      signal.throwIfAborted();
      items.push(failedItem('target', error));
    }
  }
  return { items };
}

async function probe(parts: ElasticParts, signal: AbortSignal): Promise<Flavour | CheckItem> {
  try {
    return await probeFlavour(parts.cluster, parts.options.flavour, () => parts.context.clock.now(), signal);
  } catch (error) {
    signal.throwIfAborted();
    const credentials = error instanceof ForwardError && error.kind === 'denied';
    return failedItem(credentials ? 'credentials' : 'reachable', error);
  }
}

function transportItem({ options }: ElasticParts): CheckItem {
  const clear = [options.url, ...(options.urls ?? [])].some((url) => url?.startsWith('http:'));
  const secret = options.api_key !== undefined || options.password !== undefined;
  if (clear && secret) {
    return {
      name: 'transport',
      outcome: 'warn',
      finding: 'credentials and events travel without encryption',
      hint: 'use an https address',
    };
  }
  return { name: 'transport', outcome: 'ok', finding: clear ? 'http, without credentials' : 'https' };
}

const NEEDED = 'create_doc';
const WISHED: Readonly<Record<string, string>> = {
  auto_configure: 'the data stream must exist, since it cannot be made on the first event',
  read: 'neither `verify` nor the guard against repeats after a rollover can ask for ids',
  maintenance: '`verify` may not see what was written within the last refresh interval',
  view_index_metadata: 'the data stream cannot be looked at',
};

async function privilegesItem(
  parts: ElasticParts,
  flavour: Flavour,
  signal: AbortSignal,
): Promise<CheckItem[]> {
  const name = 'privileges';
  if (flavour.product === 'opensearch') {
    const finding = 'OpenSearch cannot be asked for privileges; the first batch will tell';
    return [{ name, outcome: 'ok', finding }];
  }
  const privileges = [NEEDED, ...Object.keys(WISHED)];
  const body = JSON.stringify({ index: [{ names: [parts.target.searched], privileges }] });
  const path = '/_security/user/_has_privileges';
  const answer = await parts.cluster.ask({ method: 'POST', path, body }, signal);
  if (answer.status === 401) throw statusFailure(answer.where, answer, parts.context.clock.now());
  if (answer.status !== 200) {
    return [
      {
        name,
        outcome: 'ok',
        finding: 'the cluster does not answer about privileges: security is off, or hidden',
      },
    ];
  }
  const held = at(answer.json, 'index', parts.target.searched);
  const items: CheckItem[] = [];
  if (at(held, NEEDED) === false) {
    const finding = `these credentials may not write to ${parts.target.searched}`;
    items.push({ name, outcome: 'fail', finding, hint: `give them ${NEEDED} on it` });
  }
  for (const [privilege, loss] of Object.entries(WISHED)) {
    if (at(held, privilege) !== false) continue;
    items.push({
      name,
      outcome: 'warn',
      finding: `without ${privilege} ${loss}`,
      hint: `give ${privilege}, or accept it`,
    });
  }
  return items.length > 0 ? items : [{ name, outcome: 'ok', finding: privileges.join(', ') }];
}

async function targetItem(parts: ElasticParts, flavour: Flavour, signal: AbortSignal): Promise<CheckItem[]> {
  const { target } = parts;
  if (target.kind !== 'data_stream') {
    const finding =
      target.kind === 'monthly'
        ? `one index per month, ${target.name}: a repeat always meets the first copy`
        : `index or alias ${target.name}: no repeats, as long as an alias is not rolled over`;
    return [{ name: 'target', outcome: 'ok', finding }];
  }
  const path = `/_data_stream/${encodeURIComponent(target.name)}`;
  const answer = await parts.cluster.ask({ method: 'GET', path }, signal);
  if (answer.status === 200) return presentStream(parts, flavour, listAt(answer.json, 'data_streams')[0]);
  if (answer.status === 404) return [await absentStream(parts, signal)];
  if (answer.status === 403) {
    const finding = `${target.name} cannot be looked at with these credentials: ${refusalOf(answer) ?? '403'}`;
    const needed = flavour.product === 'opensearch' ? 'indices:admin/data_stream/get' : 'view_index_metadata';
    return [{ name: 'target', outcome: 'warn', finding, hint: `give ${needed}` }];
  }
  throw statusFailure(answer.where, answer, parts.context.clock.now(), { said: refusalOf(answer) });
}

function presentStream(parts: ElasticParts, flavour: Flavour, stream: unknown): CheckItem[] {
  const { target } = parts;
  const count = listAt(stream, 'indices').length;
  const template = textAt(stream, 'template');
  const finding = `data stream ${target.name}, ${count} backing indices, template ${template || 'unknown'}`;
  const items: CheckItem[] = [{ name: 'target', outcome: 'ok', finding }];
  const mode = textAt(stream, 'index_mode');
  if (mode === 'time_series') {
    items.push({
      name: 'index mode',
      outcome: 'fail',
      finding:
        'a time_series stream computes its own document ids: events cannot be told apart from their repeats',
      hint: 'use a template without `index.mode: time_series`',
    });
  } else if (mode === 'logsdb') {
    items.push({
      name: 'index mode',
      outcome: 'warn',
      finding: 'logsdb: the stored document may come back with its members in another order',
      hint: 'nothing to do, unless you compare documents byte by byte',
    });
  }
  items.push(lifecycleItem(flavour, stream));
  return items;
}

function lifecycleItem(flavour: Flavour, stream: unknown): CheckItem {
  const name = 'lifecycle';
  const retention =
    textAt(stream, 'lifecycle', 'data_retention') || textAt(stream, 'lifecycle', 'effective_retention');
  const policy = textAt(stream, 'ilm_policy');
  if (retention !== '') return { name, outcome: 'ok', finding: `documents are deleted after ${retention}` };
  if (policy !== '') return { name, outcome: 'ok', finding: `ILM policy ${policy}` };
  if (at(stream, 'lifecycle') !== undefined)
    return { name, outcome: 'ok', finding: 'rolls over; nothing is deleted' };
  if (flavour.product === 'opensearch')
    return { name, outcome: 'ok', finding: 'kept by ISM, if a policy names the stream' };
  return {
    name,
    outcome: 'warn',
    finding: 'no lifecycle: the stream never rolls over and nothing is deleted',
    hint: 'set `install: { lifecycle: 365d }`, or give the stream a lifecycle',
  };
}

/** Whether the first event would make the stream: some index template with `data_stream` has to match its name. */
async function absentStream(parts: ElasticParts, signal: AbortSignal): Promise<CheckItem> {
  const name = 'target';
  const { target } = parts;
  if (readInstall(parts.options) !== null) {
    return {
      name,
      outcome: 'ok',
      finding: `${target.name} is not there yet; the first event installs its template and makes it`,
    };
  }
  const filter =
    'index_templates.name,index_templates.index_template.index_patterns,index_templates.index_template.priority,index_templates.index_template.data_stream';
  const answer = await parts.cluster.ask(
    { method: 'GET', path: `/_index_template?filter_path=${filter}` },
    signal,
  );
  if (reactionTo(answer.status) !== 'taken') {
    const finding = `${target.name} is not there yet, and the index templates cannot be looked at (${answer.status})`;
    return {
      name,
      outcome: 'warn',
      finding,
      hint: 'make sure that a template with `data_stream: {}` matches it',
    };
  }
  const template = winningTemplate(listAt(answer.json, 'index_templates'), target.name);
  if (template !== null && at(template, 'index_template', 'data_stream') !== undefined) {
    const finding = `${target.name} is not there yet; template ${textAt(template, 'name')} makes it on the first event`;
    return { name, outcome: 'ok', finding };
  }
  const why =
    template === null
      ? 'no index template matches it'
      : `template ${textAt(template, 'name')} is for plain indices`;
  return {
    name,
    outcome: 'fail',
    finding: `${target.name} is not there, and cannot be made: ${why}`,
    hint: 'set `install: true`, or create an index template with `data_stream: {}`, or use `index`',
  };
}

/** The matching template of the highest priority: the only one that the cluster applies. */
function winningTemplate(templates: readonly unknown[], name: string): unknown {
  const priority = (template: unknown) => Number(at(template, 'index_template', 'priority') ?? 0);
  const matching = templates.filter((template) =>
    listAt(template, 'index_template', 'index_patterns').some(
      (pattern) => typeof pattern === 'string' && globOf(pattern)(name),
    ),
  );
  return matching.sort((left, right) => priority(right) - priority(left))[0] ?? null;
}

async function pipelineItem(
  parts: ElasticParts,
  _flavour: Flavour,
  signal: AbortSignal,
): Promise<CheckItem[]> {
  const name = 'pipeline';
  const { pipeline } = parts.options;
  if (pipeline === undefined || pipeline === '_none') return [];
  const answer = await parts.cluster.ask(
    { method: 'GET', path: `/_ingest/pipeline/${encodeURIComponent(pipeline)}` },
    signal,
  );
  if (answer.status === 200) return [{ name, outcome: 'ok', finding: pipeline }];
  if (answer.status !== 404) {
    const finding = `${pipeline} cannot be looked at (${answer.status})`;
    return [{ name, outcome: 'warn', finding, hint: 'make sure that it is there' }];
  }
  if (readInstall(parts.options) !== null && pipeline === PIPELINE_NAME) {
    return [{ name, outcome: 'ok', finding: `${pipeline} is installed with the first event` }];
  }
  const finding = `the pipeline ${pipeline} does not exist: every event would be refused`;
  return [{ name, outcome: 'fail', finding, hint: 'create it, or take `pipeline` out' }];
}
