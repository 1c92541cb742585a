import { OPERATOR_KEY } from './test-server.js';

export async function readMetrics(url: string): Promise<string> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
  return response.text();
}

/** One number of `/metrics` that has no labels; undefined if it is missing. */
export async function readMetric(url: string, name: string): Promise<number | undefined> {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(await readMetrics(url))?.[1];
  return value === undefined ? undefined : Number(value);
}

/** The relay's values in `/metrics`, by their names after `micropay_relay_`. */
export async function relayMetrics(url: string): Promise<Readonly<Record<string, number>>> {
  const lines = (await readMetrics(url)).matchAll(/^micropay_relay_(\w+)\{.*\} (\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]));
}
