export { fetchLibraries, whyNoKafka } from './libraries.js';
export { type KafkaOptions, type LocalKafka, startKafka } from './start-kafka.js';
export { provideTestKafka, type TestKafka } from './test-kafka.js';
