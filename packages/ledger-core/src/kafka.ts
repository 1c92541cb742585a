export {
  type CommandConsumer,
  type CommandConsumerOptions,
  createCommandConsumer,
} from './commands/kafka-commands.js';
export { createKafkaPublisher, type KafkaPublisherOptions } from './events/kafka.js';
