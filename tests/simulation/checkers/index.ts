import type { Facts } from '../facts.ts';
import type { Product } from '../life.ts';
import { backpressure } from './backpressure.ts';
import { chainHolds } from './chain.ts';
import type { Checker, Fail } from './checker.ts';
import { coverage } from './coverage.ts';
import { heartbeats } from './heartbeats.ts';
import { inFlight } from './in-flight.ts';
import { noLoss } from './no-loss.ts';
import { once } from './once.ts';
import { poison } from './poison.ts';
import { reading } from './reading.ts';
import { repeats } from './repeats.ts';
import { rest } from './rest.ts';
import { secrets } from './secrets.ts';
import { settled } from './settled.ts';
import { timers } from './timers.ts';
import { verdict } from './verdict.ts';
import type { Seen } from './verdict.ts';

/** All checkers over one run. `fail` is told who complains. */
export function createCheckers(
  facts: Facts,
  product: Product,
  seen: () => Seen | null,
  fail: (checker: string, what: string) => void,
): Checker[] {
  const failAs =
    (name: string): Fail =>
    (what) =>
      fail(name, what);
  return [
    once(facts, failAs('once')),
    settled(facts, failAs('settled')),
    noLoss(facts, failAs('no loss')),
    poison(facts, failAs('poison')),
    inFlight(facts, failAs('in flight')),
    repeats(facts, failAs('repeats')),
    rest(facts, failAs('rest')),
    heartbeats(facts, product, failAs('heartbeats')),
    coverage(facts, product, failAs('coverage')),
    backpressure(facts, failAs('backpressure')),
    reading(facts, failAs('reading')),
    chainHolds(failAs('chain')),
    secrets(failAs('secrets')),
    timers(failAs('timers')),
    verdict(facts, product, seen, failAs('verdict')),
  ];
}
