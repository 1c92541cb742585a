import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A client that waits for responses never pipelines more requests than this. */
const WAITING_MAX = 100;

interface Connection {
  /** The response to the latest request, until it has been sent. */
  last: ServerResponse | undefined;
  waiting: number;
  /** The listener of its responses' end, made once for all of them. */
  readonly onClose: (this: ServerResponse) => void;
}

/**
 * Serves the requests of a connection one after the other: the next one begins when the response before it has been sent. Node
 * would begin all that a client sends in one go, and keep the responses of all of them until the client reads.
 */
export function serveSequentially(listener: RequestListener): {
  readonly listener: RequestListener;
  readonly isAnswering: (socket: Socket) => boolean;
} {
  const connections = new WeakMap<Socket, Connection>();

  function connectionOf(socket: Socket): Connection {
    const known = connections.get(socket);
    if (known !== undefined) return known;
    const made: Connection = {
      last: undefined,
      waiting: 0,
      onClose() {
        if (made.last === this) made.last = undefined;
      },
    };
    connections.set(socket, made);
    return made;
  }

  return {
    listener(request, response) {
      const { socket } = request;
      const connection = connectionOf(socket);
      const before = connection.last;
      connection.last = response;
      response.on('close', connection.onClose);
      if (before === undefined) return listener(request, response);
      connection.waiting += 1;
      if (connection.waiting > WAITING_MAX) return void socket.destroy();
      // A client that does not read its responses is not read from either, or it would look alive. Node reads on after each
      // request, so this has to come after that.
      process.nextTick(() => {
        if (connection.waiting > 0 && socket.writableLength > 0) socket.pause();
      });
      before.once('close', () => {
        connection.waiting -= 1;
        if (!socket.writable) return;
        socket.resume();
        listener(request, response);
      });
    },
    isAnswering: (socket) => connections.get(socket)?.last !== undefined,
  };
}
