// Runs the sinks' contract suite and prints what each fault cost each sink, as the table of docs/guarantees.md.
// `--write` puts it there; otherwise it fails when the page says something else, or when anything was lost.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PAGE = 'docs/guarantees.md';
const [BEGIN, END] = ['<!-- fault matrix -->', '<!-- end of the fault matrix -->'];

const temporary = mkdtempSync(join(tmpdir(), 'auditferry-matrix-'));
try {
  // One worker, and a folder of its own: the rows of other runs must not get in.
  const environment = { ...process.env, FAULT_MATRIX: '1', TMPDIR: temporary };
  execFileSync('npx', ['vitest', 'run', '--project', 'unit', 'tests/sinks'], {
    env: environment,
    stdio: 'inherit',
  });
  const folder = join(temporary, 'auditferry-fault-matrix');
  const rows = readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  const table = tableOf(rows);
  console.log(table);
  const page = readFileSync(PAGE, 'utf8');
  const wanted = `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}\n\n${table}\n\n${page.slice(page.indexOf(END))}`;
  if (process.argv.includes('--write')) writeFileSync(PAGE, wanted);
  else if (counted(wanted) !== counted(page))
    fail(`${PAGE} does not say what the contract suite found: run npm run matrix -- --write`);
  const lost = rows.filter((row) => row.lost > 0);
  if (lost.length > 0) fail(`lost: ${JSON.stringify(lost)}`);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

function tableOf(rows) {
  const sinks = [...new Set(rows.map((row) => row.sink))].sort();
  const scenarios = [...new Set(rows.map((row) => row.scenario))].sort();
  const cell = (scenario, sink) => {
    const row = rows.find((one) => one.scenario === scenario && one.sink === sink);
    if (row === undefined || row.unsupported !== undefined) return '–';
    return `${row.lost} / ${row.repeated} / ${row.deadLetters}`;
  };
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    line(['fault', ...sinks]),
    line(['---', ...sinks.map(() => '---')]),
    ...scenarios.map((scenario) =>
      line([scenario.replaceAll('_', ' '), ...sinks.map((sink) => cell(scenario, sink))]),
    ),
  ].join('\n');
}

/** How many copies a broken connection leaves is the receiver's luck; what is lost or refused is not. */
function counted(text) {
  return text.replaceAll(/(\d+) \/ \d+ \/ (\d+)/g, '$1 / n / $2');
}

function fail(text) {
  console.error(text);
  process.exitCode = 1;
}
