import type { Journal } from '../journal.ts';
import type { Duty, Lease, Sharing } from '../lease.ts';

/** Who holds the state directory holds every duty, for as long as it runs: the lock of the directory is the fence. */
export const soleHolder: Sharing<Journal> = {
  claim: async (duty, signal) => {
    signal.throwIfAborted();
    return leaseOf(duty);
  },
  tryClaim: async (duty) => leaseOf(duty),
  under() {
    return this as Journal;
  },
  replicas: async () => [],
};

function leaseOf(duty: Duty): Lease {
  const never = new AbortController().signal;
  return { duty, epoch: 1n, lost: never, wanted: never, release: async () => {} };
}
