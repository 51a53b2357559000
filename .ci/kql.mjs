// Reads the queries of content/sentinel with Microsoft's own language service, which knows every function, type and column. Usage:
// node .ci/kql.mjs FOLDER, where @kusto/language-service-next is installed. Says what is wrong, and ends with 1.
import { readdirSync, readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { parse } from 'yaml';

const service = `${process.argv[2]}/node_modules/@kusto/language-service-next/`;
globalThis.window = globalThis;
for (const file of ['bridge.min.js', 'Kusto.Language.Bridge.min.js'])
  runInThisContext(readFileSync(service + file, 'utf8'), { filename: file });
const { KustoCode, GlobalState } = globalThis.Kusto.Language;

const content = new URL('../content/sentinel/', import.meta.url);
const read = (path) => readFileSync(new URL(path, content), 'utf8');
const files = (folder) => readdirSync(new URL(folder, content)).map((file) => folder + file);
const { resources } = JSON.parse(read('deploy.json'));
const of = (type) => resources.find((resource) => resource.type.endsWith(type)).properties;
const columns = (list) =>
  list.map(({ name, type }) => `${name}: ${type.toLowerCase().replace('boolean', 'bool')}`).join(', ');

const table = `let CloudQueryAudit_CL = datatable(${columns(of('/tables').schema.columns)})[];\n`;
// The first parsers are what the others and the rules ask.
const names = ['CloudQueryAudit', 'AuditferryHeartbeat'];
const functions = names
  .map((name) => `let ${name} = view () {\n${read(`parsers/${name}.kql`)}\n};\n`)
  .join('');
const collection = of('/dataCollectionRules');
const [flow] = collection.dataFlows;
const row = `let source = datatable(${columns(collection.streamDeclarations[flow.streams[0]].columns)})[];\n`;

const queries = [
  ['deploy.json', row + flow.transformKql],
  ...names.map((name) => [`parsers/${name}.kql`, table + read(`parsers/${name}.kql`)]),
  ...files('parsers/')
    .filter((path) => path.includes('ASim'))
    .map((path) => [path, table + functions + read(path)]),
  ...files('rules/').map((path) => [path, table + functions + parse(read(path)).query]),
];

let wrong = 0;
for (const [path, query] of queries) {
  const diagnostics = KustoCode.ParseAndAnalyze(query, GlobalState.Default).GetDiagnostics();
  for (let index = 0; index < diagnostics.Count; index += 1) {
    const { Message: message, Start: start } = diagnostics.getItem(index);
    console.log(`${path}: ${message} at: ${query.slice(start, start + 60).replaceAll('\n', ' ')}`);
    wrong += 1;
  }
}
console.log(`${queries.length} queries, ${wrong} faults`);
process.exitCode = wrong === 0 ? 0 : 1;
