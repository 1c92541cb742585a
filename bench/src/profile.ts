import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';

/** Runs the work and, when a directory is given, writes a CPU profile of it there. */
export async function profiled<Result>(
  { directory, name }: { directory: string | undefined; name: string },
  work: () => Promise<Result>,
): Promise<Result> {
  if (directory === undefined) return work();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  const result = await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.cpuprofile`), JSON.stringify(profile));
  return result;
}
