import { sweepHalf } from './many-failures.ts';

await sweepHalf(1);
