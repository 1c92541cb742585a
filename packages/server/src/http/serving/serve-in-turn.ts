import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A client that waits for responses never pipelines more requests than this. */
const WAITING_MAX = 100;

interface Turns {
  /** The response to the latest request, until it has been sent. */
  last: ServerResponse | undefined;
  waiting: number;
}

/**
 * Serves the requests of a connection one after the other: the next one begins when the answer before it has left. Node
 * would begin all that a client sends in one go, and keep the answers of all of them until the client reads.
 */
export function serveInTurn(listener: RequestListener): {
  readonly listener: RequestListener;
  readonly isAnswering: (socket: Socket) => boolean;
} {
  const connections = new WeakMap<Socket, Turns>();

  function turnsOf(socket: Socket): Turns {
    const known = connections.get(socket);
    if (known !== undefined) return known;
    const made: Turns = { last: undefined, waiting: 0 };
    connections.set(socket, made);
    return made;
  }

  return {
    listener(request, response) {
      const { socket } = request;
      const turns = turnsOf(socket);
      const before = turns.last;
      turns.last = response;
      response.once('close', () => {
        if (turns.last === response) turns.last = undefined;
      });
      if (before === undefined) return listener(request, response);
      turns.waiting += 1;
      if (turns.waiting > WAITING_MAX) return void socket.destroy();
      // A client that does not take an answer is not listened to: that would look like life. Node reads on behind each
      // request, so this has to come after that.
      process.nextTick(() => {
        if (turns.waiting > 0 && socket.writableLength > 0) socket.pause();
      });
      before.once('close', () => {
        turns.waiting -= 1;
        if (!socket.writable) return;
        socket.resume();
        listener(request, response);
      });
    },
    isAnswering: (socket) => connections.get(socket)?.last !== undefined,
  };
}
