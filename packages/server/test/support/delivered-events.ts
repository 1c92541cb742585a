import { createHash } from 'node:crypto';
import { uniqueName } from '@micropay/local-kafka/testing';
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import type pg from 'pg';

/** The events that Kafka must hold according to the journal: each id, with the members of its data that must match. */
export type ExpectedEvents = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** The differences between Kafka and the journal, and the number of events. */
export interface Delivered {
  readonly faults: readonly string[];
  readonly messages: number;
  readonly repeats: number;
}

const READ_TIMEOUT_MS = 300_000;
const POLL_MS = 50;
const FAULTS_MAX = 20;

export async function expectedEvents(pool: pg.Pool): Promise<ExpectedEvents> {
  const expected = new Map<string, Record<string, string>>();
  const { rows: transfers } = await pool.query<Record<string, string>>(
    `select id, from_account, to_account, amount::text, from_version::text, to_version::text, from_posted::text,
       to_posted::text from micropay.transfers`,
  );
  for (const row of transfers) {
    const { id = '', from_account: from = '', to_account: to = '', amount = '' } = row;
    expected.set(`${id}/transfer.posted`, { transferId: id, from, to, amount });
    const changed = (accountId: string, sequence = '', posted = '') =>
      expected.set(`${id}/balance.changed/${accountId}`, { accountId, transferId: id, sequence, posted });
    changed(from, row.from_version, row.from_posted);
    changed(to, row.to_version, row.to_posted);
  }
  const { rows: domainEvents } = await pool.query<{ id: string }>('select id from micropay.events');
  for (const { id } of domainEvents) expected.set(id, {});
  return expected;
}

/**
 * Reads the topics from their beginning and looks for what a consumer must never meet: an event that is missing, that was
 * never committed, or that says another thing than the journal or than its first delivery; and, once repeats are dropped
 * by the sequence, an account whose changes are not 1, 2, 3 …
 */
export async function checkDelivered(
  brokers: readonly string[],
  prefix: string,
  expected: ExpectedEvents,
): Promise<Delivered> {
  const faults: string[] = [];
  const contents = new Map<string, string>();
  const sequences = new Map<string, bigint>();
  let messages = 0;
  await readAll(brokers, prefix, (message) => {
    messages += 1;
    const id = String(message.headers?.ce_id);
    const content = digest(message);
    const first = contents.get(id);
    if (first !== undefined && first !== content) faults.push(`${id} came again with other content`);
    contents.set(id, first ?? content);
    const data: Record<string, string> = JSON.parse(String(message.value));
    faults.push(...differences(id, expected.get(id), data));
    if (String(message.headers?.ce_type) !== 'balance.changed.v1') return;
    const account = String(message.key);
    const last = sequences.get(account) ?? 0n;
    const sequence = BigInt(data.sequence ?? 0);
    if (sequence > last + 1n) faults.push(`account ${account}: ${sequence} came after ${last}`);
    if (sequence > last) sequences.set(account, sequence);
  });
  const missing = [...expected.keys()].filter((id) => !contents.has(id));
  if (missing.length > 0) faults.push(`${missing.length} committed events are missing, ${missing[0]} for one`);
  return { faults: faults.slice(0, FAULTS_MAX), messages, repeats: messages - contents.size };
}

function differences(id: string, expected: Readonly<Record<string, string>> | undefined, data: Record<string, string>) {
  if (expected === undefined) return [`${id} was delivered and never committed`];
  return Object.entries(expected)
    .filter(([name, value]) => data[name] !== value)
    .map(([name, value]) => `${id} says ${name} ${data[name]} and the journal ${value}`);
}

function digest({ key, value }: KafkaMessage): string {
  return createHash('sha256').update(String(key)).update(String(value)).digest('base64');
}

async function readAll(
  brokers: readonly string[],
  prefix: string,
  take: (message: KafkaMessage) => void,
): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const topics = ['transfers', 'accounts', 'users'].map((name) => `${prefix}.${name}`);
  const admin = kafka.admin();
  await admin.connect();
  let missing = 0;
  for (const topic of topics) for (const { high } of await admin.fetchTopicOffsets(topic)) missing += Number(high);
  await admin.disconnect();
  const consumer = kafka.consumer({ groupId: uniqueName(), maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    async eachBatch({ batch }) {
      batch.messages.forEach(take);
      missing -= batch.messages.length;
    },
  });
  const until = Date.now() + READ_TIMEOUT_MS;
  while (missing > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  await consumer.disconnect();
  if (missing > 0) throw new Error(`${missing} messages could not be read in time`);
}
