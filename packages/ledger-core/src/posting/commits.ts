/** Tells listeners of this process that something was committed, so that they need not wait for their next look. */
export interface Commits {
  announce(): void;
  /** Answers how to stop listening. */
  listen(listener: () => void): () => void;
}

export function createCommits(): Commits {
  const listeners = new Set<() => void>();
  return {
    announce() {
      // Afterwards and on their own: what was committed is not to fail with a listener.
      for (const listener of listeners) queueMicrotask(listener);
    },
    listen(listener) {
      // Each call counts by itself, even when two pass the same function.
      const own = () => listener();
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
}
