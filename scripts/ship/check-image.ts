import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { rootDirectory } from '../directories.js';
import { type Engine, startEngine } from './engine.js';
import { run, timed } from './run.js';
import { buildImage, namedImages, provideImages } from './stand-in-images.js';

const MEGABYTE = 1_000_000;
const ABOVE_BASE_MAX = 150 * MEGABYTE;
const START_TIMEOUT_MS = 60_000;
const OPERATOR_KEY = 'operator-of-this-check-alone';
/** Apart from what somebody may have started from the same file by hand. */
const PROJECT = ['--project-name', 'micropay-ship-check'];

export async function checkImage(): Promise<void> {
  const engine = await startEngine();
  try {
    const origin = await timed('images provided', () => provideImages(engine));
    console.log(`The engine is ${engine.name}; the images are ${origin}.`);
    const { node, micropay } = namedImages();
    await timed('image built', () => buildImage(engine, micropay, rootDirectory));
    checkSize(engine, node, micropay);
    await checkServices(engine);
  } finally {
    engine.stop();
  }
}

function checkSize(engine: Engine, node: string, micropay: string): void {
  const sizeOf = (image: string) => Number(engine.run('image', 'inspect', '--format', '{{.Size}}', image));
  const aboveBase = sizeOf(micropay) - sizeOf(node);
  console.log(`The image is ${Math.round(aboveBase / MEGABYTE)} MB above its base.`);
  ok(aboveBase < ABOVE_BASE_MAX, `The image must stay below ${ABOVE_BASE_MAX / MEGABYTE} MB above its base.`);
}

async function checkServices(engine: Engine): Promise<void> {
  const port = await freePort();
  const variables = { PORT: String(port), OPERATOR_API_KEY: OPERATOR_KEY };
  const compose = (...words: readonly string[]) => engine.compose([...PROJECT, ...words], variables);
  const containerOf = async (service: string) => (await compose('ps', '--all', '--quiet', service)).trim();
  try {
    await timed('compose up', () => compose('up', '--detach', '--wait', '--no-build'));
    await checkRestrictions(engine, await containerOf('server'));
    await timed('first steps', () => takeFirstSteps(port));
    const relay = await containerOf('relay');
    await untilDelivered(engine, relay);
    match(engine.run('exec', await containerOf('mail'), 'node', '--eval', ASK_MAIL), /200/);
    await stopUnderLoad(engine, { relay, server: await containerOf('server'), compose, port });
    // It fails when a balance is not the sum of the journal.
    engine.run('exec', relay, 'micropay', 'verify');
  } catch (error) {
    console.error(await compose('logs', '--no-color', '--tail', '20').catch((failure: Error) => failure.message));
    throw error;
  } finally {
    await timed('compose down', () => compose('down', '--volumes', '--timeout', '15'));
  }
}

const ASK_MAIL = "fetch('http://127.0.0.1:1080').then(({ status }) => console.log(status))";

async function checkRestrictions(engine: Engine, container: string): Promise<void> {
  const [{ Config, HostConfig }] = JSON.parse(engine.run('inspect', container));
  equal(HostConfig.ReadonlyRootfs, true);
  equal(Config.User, '1000:1000');
  match(String(Config.StopSignal), /^(?:SIGTERM|15)$/);
  equal(engine.run('exec', container, 'sh', '-c', 'touch /app/file 2> /dev/null || echo refused').trim(), 'refused');
  match(engine.run('exec', container, 'grep', 'CapEff', '/proc/1/status'), /0000000000000000/);
}

/** Runs the commands of the README with the key and the port of this check. */
function takeFirstSteps(port: number): void {
  const readme = readFileSync(join(rootDirectory, 'README.md'), 'utf8');
  const [, commands = ''] = /<!-- first-steps -->\s*```sh\n([\s\S]*?)```/.exec(readme) ?? [];
  const script = commands
    .replace(/^operator=.*$/m, `operator='${OPERATOR_KEY}'`)
    .replaceAll('http://127.0.0.1:3000', `http://127.0.0.1:${port}`);
  const output = run('bash', ['-euc', script]);
  // The last of them lists what Alice paid and what was deposited.
  const { data } = JSON.parse(output.trim().split('\n').at(-1) ?? '');
  deepEqual(
    data?.map(({ amount }: { readonly amount: string }) => amount),
    ['1250', '5000'],
    output,
  );
}

/** The events of the first steps reach Kafka. */
async function untilDelivered(engine: Engine, relay: string): Promise<void> {
  await until('the relay delivers every event', async () => {
    const { rows } = JSON.parse(engine.run('exec', relay, 'micropay', 'relay', 'status', '--json'));
    return rows === 0;
  });
}

interface Stack {
  readonly relay: string;
  readonly server: string;
  compose(...words: readonly string[]): Promise<string>;
  readonly port: number;
}

/** Stops the server while payments are made, starts it again, and looks for a payment that is lost or made twice. */
async function stopUnderLoad(engine: Engine, { relay, server, compose, port }: Stack): Promise<void> {
  const script = readFileSync(fileURLToPath(new URL('./load.js', import.meta.url)), 'utf8');
  const load = engine.start('exec', relay, 'node', '--input-type=module', '--eval', script);
  if (load.stdout === null) throw new Error('The load has no output.');
  const lines = createInterface(load.stdout)[Symbol.asyncIterator]();
  equal((await lines.next()).value, 'paying');
  await timed('stopped by SIGTERM under load', () => compose('stop', 'server'));
  equal(engine.run('inspect', '--format', '{{.State.ExitCode}}', server).trim(), '0');
  await timed('started again, until it was ready', async () => {
    await compose('start', 'server');
    await until('the server is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
  });
  const counts = JSON.parse((await lines.next()).value ?? '{}');
  console.log(`Of ${counts.payments} payments ${counts.sentAgain} found the connection closed and were sent again.`);
  deepEqual(
    { refused: counts.refused, cutOff: counts.cutOff, missing: counts.missing },
    { refused: 0, cutOff: 0, missing: 0 },
  );
}

async function until(statement: string, isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    if (await isSo().catch(() => false)) return;
    if (performance.now() > untilMs) throw new Error(`It did not happen in time that ${statement}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
