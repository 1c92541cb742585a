import { Piscina } from 'piscina';

/**
 * A thread of low priority that runs the functions of a file, one after the other, so that they do not take the processor from
 * payments. It is shared by all that a process serves, and ended when idle.
 */
export function createQuietThread(file: URL, { idleMs }: { readonly idleMs: number }): Pick<Piscina, 'run'> {
  return new Piscina({
    filename: file.href,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: idleMs,
    niceIncrement: 15,
    // What a process loads at its start, such as an instrumentation, it does not load here again.
    execArgv: [],
  });
}
