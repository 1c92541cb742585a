import { createInProcessPublisher, createLedger, createRelay, LedgerError, type Relay } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { StartError } from '../start-error.js';
import { createKafkaRelay, KAFKA_SINK } from './create-kafka-relay.js';

const USAGE = `usage: micropay-relay [run]            deliver events to Kafka until it is stopped
       micropay-relay status           how far Kafka is behind, as JSON
       micropay-relay pause | resume   stop deliveries, in whatever process, and go on
       micropay-relay replay POSITION  deliver everything after a position again; 0 is the beginning`;

type RelayConfig = Pick<Config, 'databaseUrl' | 'databaseSchema' | 'kafka'>;

/** What a command leaves running, and how to end it. */
export interface RelayCommand {
  /** Undefined when the command is done. */
  readonly running?: { close(): Promise<void> };
  /** For standard output. */
  readonly text: string;
}

/**
 * Runs one command of `micropay-relay`, given the words behind its name.
 *
 * @throws {StartError} `invalid_arguments`, `invalid_configuration`, `broker_unfit`
 * @throws {LedgerError} `invalid_request` for a position or a sink that is not there, `database_unavailable`, `schema_outdated`, `schema_newer`
 */
export async function runRelayCommand(
  words: readonly string[],
  config: RelayConfig,
  log: Logger,
): Promise<RelayCommand> {
  const [name = 'run', argument, ...rest] = words;
  const isReplay = name === 'replay';
  if (rest.length > 0 || (argument !== undefined) !== isReplay) throw new StartError('invalid_arguments', USAGE);
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
        await relay.replay(parsePosition(argument));
        return `Everything after position ${argument} will be delivered again.`;
      });
    default:
      throw new StartError('invalid_arguments', USAGE);
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

function parsePosition(text = ''): bigint {
  if (/^[0-9]{1,18}$/.test(text)) return BigInt(text);
  throw new LedgerError('invalid_request', 'a position is a whole number of at most 18 digits');
}
