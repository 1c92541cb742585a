import { ProblemError } from './problem.js';

/** What stands behind the `?`, by name. A parameter that is given twice is refused: nobody can say which one counts. */
export function readQuery(url: string): Readonly<Record<string, string>> {
  // Without a prototype, so that no name stands for something already.
  const query: Record<string, string> = Object.create(null);
  const start = url.indexOf('?');
  if (start === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start))) {
    if (name in query) throw givenTwice(name);
    query[name] = value;
  }
  return query;
}

export function givenTwice(name: string): ProblemError {
  const message = 'must be given once';
  return new ProblemError('invalid_request', `${name}: ${message}`, { errors: [{ path: name, message }] });
}
