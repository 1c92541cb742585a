/** Callers share one run of the work, and its outcome for a while: who asks often does not make it run often. */
export function sharedWork<Result>(work: () => Promise<Result>, keptMs: number): () => Promise<Result> {
  let known: Promise<Result> | undefined;
  const forgetLater = () => {
    setTimeout(() => {
      known = undefined;
    }, keptMs).unref();
  };
  return () => {
    known ??= work().finally(forgetLater);
    return known;
  };
}
