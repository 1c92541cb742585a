import { connect } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** One keep-alive connection with one request under way at a time. */
export interface Connection {
  /** Sends a whole HTTP request, headers and body, of ASCII. */
  send(request: string): Promise<Answer>;
  close(): void;
}

/** Opens a connection that knows just enough of HTTP/1.1 to cost next to nothing. */
export async function openConnection({ host, port }: { host: string; port: number }): Promise<Connection> {
  const socket = connect({ host, port, noDelay: true });
  let received: Buffer = Buffer.alloc(0);
  let settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;

  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const answer = parseAnswer(received);
    if (answer === undefined) return;
    received = Buffer.alloc(0);
    settle?.resolve(answer);
  });
  socket.on('error', (error) => settle?.reject(error));
  socket.on('close', () => settle?.reject(new Error('the server closed the connection')));
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });

  return {
    send(request) {
      return new Promise((resolve, reject) => {
        settle = { resolve, reject };
        socket.write(request, 'latin1');
      });
    },
    close() {
      settle = undefined;
      socket.destroy();
    },
  };
}

const HEADERS_END = '\r\n\r\n';
const CHUNKS_END = '0\r\n\r\n';

/** The answer in these bytes, once they hold the whole of it. */
export function parseAnswer(bytes: Buffer): Answer | undefined {
  const headersEnd = bytes.indexOf(HEADERS_END);
  if (headersEnd === -1) return undefined;
  const headers = bytes.toString('latin1', 0, headersEnd).toLowerCase();
  // "HTTP/1.1 201 …"
  const status = Number(headers.slice(9, 12));
  const body = bytes.subarray(headersEnd + HEADERS_END.length);
  const length = /\r\ncontent-length: *([0-9]+)/.exec(headers)?.[1];
  if (length !== undefined) return body.length < Number(length) ? undefined : { status, body };
  return body.subarray(-CHUNKS_END.length).toString('latin1') === CHUNKS_END ? { status, body } : undefined;
}
