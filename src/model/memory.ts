import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** What the program takes beside answers: code, the journal's cache, batches on their way. Bytes. */
const HEAP_BESIDE = 64 * 2 ** 20;
const BESIDE = 128 * 2 ** 20;
/** An answer is in memory as it came, once more while its parts are joined, and as text of up to two bytes a character. */
const TIMES = 4;
/** Below this hardly any page fits. */
const LEAST = 2 ** 20;

/** The largest answer that this process can take while `lanes` of them may come at once: by its heap, and by what its container gives it. */
export function roomForAnswer(lanes: number, limits: MemoryLimits = memoryLimits()): number {
  const room = Math.min(limits.heapBytes - HEAP_BESIDE, limits.processBytes - BESIDE);
  return Math.max(Math.floor(room / (TIMES * lanes)), LEAST);
}

export interface MemoryLimits {
  readonly heapBytes: number;
  readonly processBytes: number;
}

/** Without a limit of the container, Node gives a number larger than any machine. */
function memoryLimits(): MemoryLimits {
  const machine = totalmem();
  const container = process.constrainedMemory();
  return {
    heapBytes: getHeapStatistics().heap_size_limit,
    processBytes: container > 0 ? Math.min(container, machine) : machine,
  };
}
