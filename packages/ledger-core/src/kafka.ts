export {
  type CommandConsumer,
  type CommandConsumerOptions,
  createCommandConsumer,
} from './kafka/command-consumer.js';
export { createKafkaPublisher, type KafkaPublisherOptions } from './kafka/publisher.js';
