import fc from 'fast-check';

/**
 * Every run of the tests draws the same examples, so that a change is judged by what it changes. FAST_CHECK_SEED=… draws
 * others: a number, or `random` to look for what nobody has seen yet.
 */
const wanted = process.env.FAST_CHECK_SEED ?? '20261121';
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });
