/** One message of a stream, as it came. */
export interface Message {
  readonly id: string | undefined;
  readonly event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: every type of event has data of its own shape.
  readonly data: any;
}

export interface TestStream {
  readonly status: number;
  readonly headers: Headers;
  /** Messages so far, the server's own among them. */
  readonly messages: readonly Message[];
  /** The ledger's events among them. */
  events(): readonly Message[];
  readonly comments: number;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

const CONTROL = new Set(['opened', 'position', 'end']);

export interface OpenOptions {
  readonly lastEventId?: string | undefined;
  readonly query?: string;
  /** Ends the connection, also before it is answered. */
  readonly ending?: AbortController;
}

/** Reads `/v1/events` and parses it with nothing of ours. */
export async function openStream(
  url: string,
  token: string,
  { lastEventId, query = '', ending = new AbortController() }: OpenOptions = {},
): Promise<TestStream> {
  const response = await fetch(`${url}/v1/events${query}`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal: ending.signal,
  });
  const messages: Message[] = [];
  let comments = 0;
  let text = '';

  async function read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) take(block);
    }
  }

  function take(block: string): void {
    const lines = block.split('\n');
    comments += lines.filter((line) => line.startsWith(':')).length;
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const data = field('data');
    if (data !== undefined) messages.push({ id: field('id'), event: field('event'), data: JSON.parse(data) });
  }

  const ended = read().catch(() => undefined);
  return {
    status: response.status,
    headers: response.headers,
    messages,
    events: () => messages.filter(({ event }) => event !== undefined && !CONTROL.has(event)),
    get comments() {
      return comments;
    },
    ended,
    async close() {
      ending.abort();
      await ended;
    },
  };
}
