// A consumer of commands in a process of its own, to be killed: commands-process.ts <database> <broker> <topic>.
import { createLedger } from '@micropay/ledger-core';
import { createCommandConsumer } from '@micropay/ledger-core/kafka';

const [database = '', broker = '', topic = ''] = process.argv.slice(2);

createCommandConsumer({
  kafka: { brokers: [broker] },
  ledger: createLedger({ database }),
  topic,
  groupId: topic,
  partitions: 3,
}).start();
