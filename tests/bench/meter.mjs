// Loaded into every process of a measured program (NODE_OPTIONS=--import): leaves what it used in the folder AUDITFERRY_METER.
import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeFileSync(
    `${process.env.AUDITFERRY_METER}/${process.pid}.json`,
    JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, peakMb: maxRSS / 1024 }),
  );
});
