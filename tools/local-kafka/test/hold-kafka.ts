// Starts a broker and says where, as a process of its own, to be killed.
import { startKafka } from '../src/start-kafka.js';

const kafka = await startKafka();
console.log(kafka.broker);
setInterval(() => undefined, 1_000);
