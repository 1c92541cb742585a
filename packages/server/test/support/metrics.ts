import { OPERATOR_KEY } from './test-server.js';

/** What `/metrics` says of the relay, by the name behind `micropay_relay_`. */
export async function relayMetrics(url: string): Promise<Readonly<Record<string, number>>> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
  const lines = (await response.text()).matchAll(/^micropay_relay_(\w+)\{.*\} (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]));
}
