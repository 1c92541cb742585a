/** Text on its way to one client, who takes it at their own pace; bounded. */
export interface TextBuffer {
  readonly readable: ReadableStream<Uint8Array>;
  /** False, and nothing is kept, where there is no room. */
  write(text: string): boolean;
  /** Resolves when everything was taken, or the client is gone. */
  emptied(): Promise<void>;
  /** When the client has last been ready while something waits for them; undefined when nothing waits. */
  waitsSinceMs(): number | undefined;
  /** Resolves when the client has taken the last words, or is gone. */
  readonly closed: Promise<void>;
  /** The last words, for which there is always room. */
  end(text: string): void;
}

export function createTextBuffer(lengthMax: number): TextBuffer {
  const encoder = new TextEncoder();
  const waiting = new Set<() => void>();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let texts: string[] = [];
  let length = 0;
  let sinceMs: number | undefined;
  let isWanted = false;
  let isEnding = false;
  let isClosed = false;
  let onClosed = () => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });

  const readable = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      pull() {
        isWanted = true;
        if (texts.length > 0) hand();
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    texts = [];
    sinceMs = undefined;
    wake();
    onClosed();
  }

  function wake(): void {
    for (const resolve of waiting) resolve();
    waiting.clear();
  }

  function hand(): void {
    const text = texts.join('');
    texts = [];
    length = 0;
    sinceMs = undefined;
    isWanted = false;
    // Last, as it may ask for more at once.
    controller?.enqueue(encoder.encode(text));
    wake();
    if (!isEnding) return;
    controller?.close();
    close();
  }

  function add(text: string): void {
    if (isClosed) return;
    texts.push(text);
    length += text.length;
    sinceMs ??= performance.now();
    if (isWanted) hand();
  }

  return {
    readable,
    closed,
    write(text) {
      if (isEnding) return true;
      if (texts.length > 0 && length + text.length > lengthMax) return false;
      add(text);
      return true;
    },
    async emptied() {
      if (isClosed || texts.length === 0) return;
      await new Promise<void>((resolve) => waiting.add(resolve));
    },
    waitsSinceMs: () => sinceMs,
    end(text) {
      if (isEnding) return;
      isEnding = true;
      add(text);
    },
  };
}
