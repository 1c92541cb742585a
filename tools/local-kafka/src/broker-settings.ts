export interface BrokerSettings {
  readonly directory: string;
  readonly port: number;
  /** The first node of a cluster is its controller; the others find it by its port. */
  readonly nodeId: number;
  readonly controllerPort: number;
  /** The broker's own limit on messages; default Kafka's, about a megabyte. */
  readonly messageBytesMax?: number | undefined;
}

/** A small broker, with no more partitions of its own topics than it needs. */
export function brokerProperties({ directory, port, nodeId, controllerPort, messageBytesMax }: BrokerSettings): string {
  const isController = nodeId === 1;
  const listener = `PLAINTEXT://127.0.0.1:${port}`;
  const properties: Record<string, string | number> = {
    'process.roles': isController ? 'broker,controller' : 'broker',
    'node.id': nodeId,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: isController ? `${listener},CONTROLLER://127.0.0.1:${controllerPort}` : listener,
    'advertised.listeners': listener,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': `${directory}/logs`,
    'default.replication.factor': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 3,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'log.segment.bytes': 16_777_216,
    'auto.create.topics.enable': 'false',
    ...(messageBytesMax === undefined ? {} : { 'message.max.bytes': messageBytesMax }),
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
