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
  return Math.max(Math.floor(roomBeside(limits) / (TIMES * lanes)), LEAST);
}

/** What an id takes while it is asked for: itself, its event's name, and its places in the tables of both sides. Bytes. */
const PER_ID = 400;
const LEAST_IDS = 1_000;
const MOST_IDS = 1_000_000;

/** How many ids this process can ask for at once, where asking for few costs as much as for many. Takes half of what there is. */
export function roomForIds(limits: MemoryLimits = memoryLimits()): number {
  return Math.min(Math.max(Math.floor(roomBeside(limits) / PER_ID / 2), LEAST_IDS), MOST_IDS);
}

function roomBeside({ heapBytes, processBytes }: MemoryLimits): number {
  return Math.min(heapBytes - HEAP_BESIDE, processBytes - BESIDE);
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
