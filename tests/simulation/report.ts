/** Figures of a run, on standard output, past the runner's own report. */
export function report(text: string): void {
  process.stdout.write(`${text}\n`);
}
