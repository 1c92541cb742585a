import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const HEADER_BYTES = 12;
const TYPE_A = 1;

/** A name server on a port of its own. */
export interface NameServer {
  /** As a resolver takes it. */
  readonly address: string;
  /** Names that it was asked for the IPv4 addresses of. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** Answers each question for an IPv4 address with the next of these, and the last one from then on; other questions with nothing. */
export async function startNameServer(addresses: readonly string[]): Promise<NameServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (message, { port, address }) => {
    const { name, end } = readName(message);
    const question = message.subarray(HEADER_BYTES, end + 4);
    const isIpv4 = message.readUInt16BE(end) === TYPE_A;
    const answers = isIpv4 ? [addresses[Math.min(asked.length, addresses.length - 1)] ?? ''] : [];
    if (isIpv4) asked.push(name);
    const header = Buffer.from(message.subarray(0, HEADER_BYTES));
    // A response without an error, of one question.
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    header.fill(0, 8);
    socket.send(Buffer.concat([header, question, ...answers.map(recordOf)]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** The name of the question, and where it ends. */
function readName(message: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

/** The record of an IPv4 address, of the name in the question, which may not be kept. */
function recordOf(address: string): Buffer {
  const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
  record.set(address.split('.').map(Number), record.length - 4);
  return record;
}
