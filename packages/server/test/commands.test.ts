import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { Kafka, logLevel } from 'kafkajs';
import { expect, it } from 'vitest';
import { balanceOf, call, registerUser } from './support/call.js';
import { startTestServer } from './support/test-server.js';

requireKafka();

it('a command on the topic moves money, and an invalid one does not end the server', async () => {
  const [topic, brokers] = [uniqueName(), await testBrokers()];
  const kafka = {
    brokers,
    topicPrefix: topic,
    commandsTopic: `${topic}.commands`,
    partitions: 2,
    tls: false,
    relayInServer: false,
  };
  const server = await startTestServer({ kafka });
  const user = await registerUser(server.url, { balance: 1n });
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const headers = { ce_id: '1', ce_source: '/bank', ce_type: 'transfer.request.v1' };
  const value = JSON.stringify({ from: 'world:usd', to: user.wallet, amount: '41', currency: 'USD' });
  await producer.send({
    topic: kafka.commandsTopic,
    messages: [{ value: 'no command' }, { headers, value }, { headers, value }],
  });
  await producer.disconnect();
  await expect.poll(() => balanceOf(server.url, user), { timeout: 60_000, interval: 100 }).toBe('42');
  const { body } = await call(server.url, `GET /v1/wallets/${user.wallet}/entries`, { token: user.token });
  expect(body.data).toHaveLength(2);
  await server.stop();
}, 120_000);
