import { createInProcessPublisher, createLedger, createRelay, type LedgerLag } from '@micropay/ledger-core';
import { StartError } from '../errors/start-error.js';
import { createKafkaRelay, KAFKA_SINK } from '../kafka/create-kafka-relay.js';
import { type Config, readConfig } from '../process/config.js';
import { createLog } from '../process/log.js';
import { didYouMean } from '../process/nearest-name.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import type { Command, CommandContext } from './command.js';
import { waitForStop } from './wait-for-stop.js';

const ACTIONS = ['run', 'status', 'pause', 'resume', 'replay'] as const;

interface RelayAction {
  readonly name: (typeof ACTIONS)[number];
  /** Of a replay: events after this position are delivered again. */
  readonly position: bigint;
}

export const relayCommand: Command = {
  summary: 'deliver events to Kafka until stopped, or control delivery in all processes',
  parameters: '[ACTION]',
  help: [
    'run              deliver events to Kafka until stopped; the default',
    'status           show how far delivery lags behind',
    'pause | resume   pause or resume delivery in all processes',
    'replay POSITION  deliver everything of the ledger after a position again; 0 replays everything',
    '',
    'Reads the same environment variables as "micropay serve"; KAFKA_BROKERS names the brokers. Delivers the events of',
    'all ledgers of the schema. A position orders the events of one ledger: replay is of the one that --ledger names.',
  ],
  words: { min: 0, max: 2 },
  options: {},
  async run(context) {
    const action = readAction(context.words);
    const config = readConfig(undefined, context.variables);
    return action.name === 'run' ? runRelay(config, context) : controlRelay(action, config, context);
  },
};

/** @throws {CliError} `usage` */
function readAction([word = 'run', position]: readonly string[]): RelayAction {
  const name = ACTIONS.find((one) => one === word);
  if (name === undefined) {
    const meant = didYouMean(word, ACTIONS) || `: it is one of ${ACTIONS.join(', ')}`;
    throw misused(`there is no action "${word}"${meant}`);
  }
  if ((position !== undefined) !== (name === 'replay')) {
    throw misused(name === 'replay' ? 'replay takes one position' : `${name} takes no further words`);
  }
  return { name, position: parsePosition(position ?? '0') };
}

function parsePosition(text: string): bigint {
  if (/^[0-9]{1,18}$/.test(text)) return BigInt(text);
  throw misused('a position is a whole number of at most 18 digits');
}

function misused(message: string): CliError {
  return new CliError('usage', `${message}${message.endsWith('?') ? ' See' : '; see'} micropay relay --help`);
}

async function runRelay(config: Config, { output, signal }: CommandContext): Promise<ExitCode> {
  const { kafka } = config;
  if (kafka === undefined) {
    throw new StartError('invalid_configuration', 'KAFKA_BROKERS is missing: set it to host:port');
  }
  await checkSchema(config);
  const relay = await createKafkaRelay(config, kafka, createLog(config.logLevel));
  try {
    await relay.refuseMisconfiguredBroker();
    relay.start();
    output.value({ brokers: kafka.brokers });
    output.text(`The relay delivers events to ${kafka.brokers.join(', ')}. Stop it with Ctrl-C.`);
    await waitForStop(signal);
  } finally {
    await relay.stop();
  }
  return EXIT.ok;
}

async function checkSchema({ databaseUrl: database, databaseSchema: schema }: Config): Promise<void> {
  const ledger = createLedger({ database, schema });
  try {
    await ledger.check();
  } finally {
    await ledger.close();
  }
}

/** Reads or changes the sink's cursor in the database; delivers nothing. */
async function controlRelay(
  { name, position }: RelayAction,
  config: Config,
  { output }: CommandContext,
): Promise<ExitCode> {
  await checkSchema(config);
  const { databaseUrl: database, databaseSchema: schema, ledger } = config;
  const publisher = createInProcessPublisher(async () => undefined);
  const relay = createRelay({ database, schema, sink: KAFKA_SINK, publisher });
  try {
    if (name === 'pause') await relay.pause();
    if (name === 'resume') await relay.resume();
    if (name === 'replay') await relay.replay(ledger, position);
    const { rows, seconds, isPaused, worst } = await relay.status();
    output.value({ rows, seconds, paused: isPaused, worst });
    output.text(
      name === 'replay'
        ? sentenceOfReplay(position, await relay.lag(ledger))
        : sentenceOf(name, worst, { rows, isPaused }),
    );
    return EXIT.ok;
  } finally {
    await relay.stop();
  }
}

function sentenceOfReplay(position: bigint, { ledger, deletedThrough }: LedgerLag): string {
  const missing =
    position < deletedThrough ? `, but for events up to position ${deletedThrough} that were deleted` : '';
  return `Everything of ledger "${ledger}" after position ${position} will be delivered again${missing}.`;
}

function sentenceOf(
  name: RelayAction['name'],
  worst: LedgerLag | null,
  { rows, isPaused }: { readonly rows: number; readonly isPaused: boolean },
): string {
  if (name === 'pause') return 'Paused: nothing is delivered until "resume".';
  if (name === 'resume') return 'Resumed.';
  const paused = isPaused ? ' Paused.' : '';
  if (worst === null) return `Kafka has all events.${paused}`;
  const { ledger, position, seconds } = worst;
  return `${rows} rows wait for Kafka, the oldest for ${seconds} s: it is of ledger "${ledger}", whose events Kafka has up to position ${position}.${paused}`;
}
