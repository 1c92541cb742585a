import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { isCommit, messageReader } from './tcp-proxy.js';

/** The step that a batch has reached when its connection is cut. */
export const STEPS = ['before the lock', 'before the write', 'before the commit', 'after the commit'] as const;
export type Step = (typeof STEPS)[number];

/** Stands between the ledger and PostgreSQL, and strikes when a batch reaches a step: nothing passes from there on. */
export interface StepProxy {
  readonly url: string;
  /** Resolves when a batch has reached the step and `strike` was called; once. */
  strikeAt(step: Step, strike: () => void): Promise<void>;
  close(): Promise<void>;
}

interface Blow {
  readonly step: Step;
  readonly strike: () => void;
}

/** Long enough for what was sent before to be done. */
const SETTLE_MS = 50;

export async function startStepProxy(databaseUrl: string): Promise<StepProxy> {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let blow: Blow | undefined;

  function join(client: Socket): void {
    const database = connect(Number(port), hostname);
    const readMessages = messageReader();
    let isCut = false;
    const cut = () => {
      isCut = true;
      client.destroy();
      database.destroy();
    };
    const fall = ({ strike }: Blow) => {
      blow = undefined;
      strike();
      cut();
    };
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', cut);
      socket.on('close', cut);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      for (const message of readMessages(chunk)) {
        if (isCut) return;
        if (blow !== undefined && reaches(message, blow.step)) {
          const fallen = blow;
          isCut = true;
          setTimeout(() => fall(fallen), SETTLE_MS);
          return;
        }
        database.write(message);
      }
    });
    database.on('data', (chunk) => {
      if (blow?.step === 'after the commit' && chunk.includes('COMMIT\0')) fall(blow);
      else if (!isCut) client.write(chunk);
    });
  }

  const server = createServer(join);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    strikeAt: (step, strike) =>
      new Promise((struck) => {
        blow = {
          step,
          strike() {
            strike();
            struck();
          },
        };
      }),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function reaches(message: Buffer, step: Step): boolean {
  if (step === 'before the lock') return runs(message, 'micropay_lock');
  if (step === 'before the write') return runs(message, 'micropay_write');
  return step === 'before the commit' && isCommit(message);
}

/** Bind (type B): an unnamed portal, then the name of the statement. */
function runs(message: Buffer, statement: string): boolean {
  return message[0] === 0x42 && message.subarray(5).toString('latin1').startsWith(`\0${statement}\0`);
}
