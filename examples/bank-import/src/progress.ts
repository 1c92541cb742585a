const INTERVAL_MS = 1_000;

/** Shows how far the work is: on a terminal one line that changes, elsewhere (a log) a line a second at most. */
export function createProgress(stream: NodeJS.WriteStream, label: string): (done: number, total: number) => void {
  let shownAt = -INTERVAL_MS;
  return (done, total) => {
    const finished = done === total;
    const now = performance.now();
    if (!finished && !stream.isTTY && now - shownAt < INTERVAL_MS) return;
    shownAt = now;
    const text = `${label}: ${done} of ${total}`;
    if (stream.isTTY) stream.write(`\r\x1b[K${text}${finished ? '\n' : ''}`);
    else stream.write(`${text}\n`);
  };
}
