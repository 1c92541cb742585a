import { createInProcessPublisher, createLedger, createRelay, type Relay } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { StartError } from '../errors/start-error.js';
import { createKafkaRelay, KAFKA_SINK } from '../kafka/create-kafka-relay.js';
import type { Config } from '../process/config.js';
import { didYouMean } from '../process/nearest-name.js';
import { readWords } from './read-words.js';
import { readVersion } from './version.js';

const RELAY_USAGE = `usage: micropay-relay [run]            deliver events to Kafka until it is stopped
       micropay-relay status           how far Kafka is behind, as JSON
       micropay-relay pause | resume   stop deliveries, in whatever process, and go on
       micropay-relay replay POSITION  deliver everything after a position again; 0 is the beginning

Its settings are those of micropay-server, from the environment; KAFKA_BROKERS says where events go.
Exit codes: 0 done or stopped; 1 could not be done; 2 called or configured wrongly.`;

const NAMES = ['run', 'status', 'pause', 'resume', 'replay'] as const;
const OPTIONS = { version: { type: 'boolean', short: 'v' }, help: { type: 'boolean', short: 'h' } } as const;

/** The command line of `micropay-relay`. */
export interface RelayWords {
  readonly name: (typeof NAMES)[number];
  /** For a replay: the position after which events are delivered again. */
  readonly position: bigint;
}

type RelayConfig = Pick<Config, 'databaseUrl' | 'databaseSchema' | 'kafka'>;

/** A command that keeps running, and the function that stops it. */
export interface RelayCommand {
  /** Undefined when the command is done. */
  readonly running?: { close(): Promise<void> };
  /** For standard output. */
  readonly text: string;
}

/**
 * Reads the words behind the name of the program; a text when they ask for its usage or version.
 *
 * @throws {StartError} `invalid_arguments`
 */
export function readRelayWords(words: readonly string[]): RelayWords | { readonly text: string } {
  const { values, positionals } = readWords(words, OPTIONS);
  const [word = 'run', position, ...rest] = positionals;
  if (values.help || word === 'help') return { text: RELAY_USAGE };
  if (values.version) return { text: readVersion() };
  const name = NAMES.find((one) => one === word);
  if (name === undefined) throw misused(`there is no command "${word}"${didYouMean(word, NAMES)}`);
  if (rest.length > 0 || (position !== undefined) !== (name === 'replay')) {
    throw misused(name === 'replay' ? 'replay takes one position' : `${name} takes no further words`);
  }
  return { name, position: parsePosition(position ?? '0') };
}

function misused(message: string): StartError {
  return new StartError('invalid_arguments', `${message}\n\n${RELAY_USAGE}`);
}

/**
 * Runs one command of `micropay-relay`.
 *
 * @throws {StartError} `invalid_configuration`, `broker_unfit`
 * @throws {LedgerError} `invalid_request` for a position that is not there yet, `database_unavailable`, `schema_outdated`, `schema_newer`
 */
export async function runRelayCommand(
  { name, position }: RelayWords,
  config: RelayConfig,
  log: Logger,
): Promise<RelayCommand> {
  switch (name) {
    case 'run':
      return runRelay(config, log);
    case 'status':
      return onSink(config, async (relay) => {
        const { position, rows, seconds, isPaused } = await relay.status();
        return JSON.stringify({ position: String(position), rows, seconds, paused: isPaused });
      });
    case 'pause':
      return onSink(config, async (relay) => {
        await relay.pause();
        return 'Paused: nothing is delivered until "resume".';
      });
    case 'resume':
      return onSink(config, async (relay) => {
        await relay.resume();
        return 'Resumed.';
      });
    case 'replay':
      return onSink(config, async (relay) => {
        await relay.replay(position);
        const { deletedThrough } = await relay.status();
        const missing =
          position < deletedThrough ? `, but for facts up to position ${deletedThrough} that were deleted` : '';
        return `Everything after position ${position} will be delivered again${missing}.`;
      });
  }
}

async function runRelay(config: RelayConfig, log: Logger): Promise<RelayCommand> {
  const { kafka } = config;
  if (kafka === undefined)
    throw new StartError('invalid_configuration', 'KAFKA_BROKERS is missing: set it to host:port');
  await checkSchema(config);
  const relay = await createKafkaRelay(config, kafka, log);
  try {
    await relay.refuseUnfitBroker();
  } catch (error) {
    await relay.stop();
    throw error;
  }
  relay.start();
  return {
    running: { close: relay.stop },
    text: `The relay delivers events to ${kafka.brokers.join(', ')}. Stop it with Ctrl-C.`,
  };
}

async function checkSchema({ databaseUrl: database, databaseSchema: schema }: RelayConfig): Promise<void> {
  const ledger = createLedger({ database, schema });
  try {
    await ledger.check();
  } finally {
    await ledger.close();
  }
}

/** Commands speak to the cursor of the sink in the database, and deliver nothing. */
async function onSink(config: RelayConfig, work: (relay: Relay) => Promise<string>): Promise<RelayCommand> {
  await checkSchema(config);
  const { databaseUrl: database, databaseSchema: schema } = config;
  const publisher = createInProcessPublisher(async () => undefined);
  const relay = createRelay({ database, schema, sink: KAFKA_SINK, publisher });
  try {
    return { text: await work(relay) };
  } finally {
    await relay.stop();
  }
}

function parsePosition(text: string): bigint {
  if (/^[0-9]{1,18}$/.test(text)) return BigInt(text);
  throw misused('a position is a whole number of at most 18 digits');
}
