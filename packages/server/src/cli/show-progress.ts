const TERMINAL_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 5_000;

export interface ProgressLine {
  /** Shows a line when the last one is old enough; the text is made only then. */
  show(text: () => string): void;
  /** Shows the last line, and ends it. */
  end(text: string): void;
}

/** On a terminal one line that changes in place; elsewhere, such as in a log, a line now and then. */
export function createProgressLine(stream: NodeJS.WriteStream): ProgressLine {
  const intervalMs = stream.isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
  let shownAt = stream.isTTY ? -intervalMs : performance.now();
  const write = (text: string, end: string) => stream.write(stream.isTTY ? `\r\x1b[K${text}${end}` : `${text}\n`);
  return {
    show(text) {
      const now = performance.now();
      if (now - shownAt < intervalMs) return;
      shownAt = now;
      write(text(), '');
    },
    end: (text) => write(text, '\n'),
  };
}
