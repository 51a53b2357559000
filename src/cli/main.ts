#!/usr/bin/env node
// Written so that even an old Node can parse and run it: nothing newer may be imported before the version is known.
const NEEDED = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major < NEEDED) {
  process.stderr.write(
    `auditferry needs Node.js ${NEEDED} or later; this is ${process.versions.node}\n  in a checkout on Linux, \`npm start -- …\` brings its own\n`,
  );
  process.exitCode = 2;
} else {
  import('./program.ts').then(
    (program) => program.runProcess(process.argv),
    (error: unknown) => {
      process.stderr.write(`auditferry cannot start: ${String(error)}\n`);
      process.exitCode = 1;
    },
  );
}

export {};
