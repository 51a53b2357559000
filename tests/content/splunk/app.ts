import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const APP = fileURLToPath(new URL('../../../content/splunk/auditferry/', import.meta.url));
const ADD_ON = fileURLToPath(new URL('../../../content/splunk/TA-auditferry/', import.meta.url));

export type Stanzas = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A Splunk .conf file: stanzas of `key = value`. */
function conf(text: string): Stanzas {
  const stanzas: Record<string, Record<string, string>> = {};
  let stanza: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const header = /^\[(.*)\]$/.exec(line)?.[1];
    if (header !== undefined) stanza = stanzas[header] = {};
    const pair = /^([^#=\s][^=]*?)\s*=\s*(.*)$/.exec(line);
    if (header === undefined && pair !== null) stanza[pair[1] ?? ''] = pair[2] ?? '';
  }
  return stanzas;
}

export const read = (path: string): string => readFileSync(APP + path, 'utf8');
export const confOf = (name: string): Stanzas => conf(read(`default/${name}`));

/** Fields that Splunk computes for each event, by the props of the add-on and of the app, with their expressions. */
export function computedFields(): Map<string, string> {
  const fields = new Map<string, string>();
  const addOn = conf(readFileSync(`${ADD_ON}default/props.conf`, 'utf8'));
  for (const props of [addOn, confOf('props.conf')])
    for (const [key, expression] of Object.entries(props['cloudquery:platform:audit'] ?? {}))
      if (key.startsWith('EVAL-')) fields.set(key.slice('EVAL-'.length), expression);
  return fields;
}

/** A search with its macros written out, as Splunk does it before it reads the search. */
export function expanded(search: string, macros = confOf('macros.conf')): string {
  return search.replace(/`(\w+)(?:\(([^`]*)\))?`/g, (_all, name: string, argument: string | undefined) => {
    const macro = macros[argument === undefined ? name : `${name}(1)`];
    if (macro === undefined) throw new Error(`no macro ${name}`);
    const text = (macro['definition'] ?? '').replaceAll(`$${macro['args'] ?? ''}$`, argument ?? '');
    return expanded(text, macros);
  });
}

export interface View {
  readonly name: string;
  readonly text: string;
  readonly searches: readonly string[];
  /** Tokens that its inputs set. */
  readonly inputs: readonly string[];
}

export function views(): View[] {
  return readdirSync(`${APP}default/data/ui/views`).map((file) => {
    const text = read(`default/data/ui/views/${file}`);
    return {
      name: file.replace('.xml', ''),
      text,
      searches: [...text.matchAll(/<query>([^<]*)<\/query>/g)].map(([, query = '']) => unescaped(query)),
      inputs: [...text.matchAll(/<input [^>]*token="(\w+)"/g)].map(([, token = '']) => token),
    };
  });
}

function unescaped(text: string): string {
  return text
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
