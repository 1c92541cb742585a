import { ProblemError } from '../../errors/problem.js';

/**
 * Reads the parameters of a query, which is what follows the "?", by name. A parameter that is sent twice is refused, because it is unclear which one counts.
 * A parameter that is not UTF-8 is refused too: `URLSearchParams` would silently replace its characters.
 */
export function readQuery(query: string): Readonly<Record<string, string>> {
  // Without a prototype, so that no name stands for something already.
  const values: Record<string, string> = Object.create(null);
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const [sentName = '', ...value] = pair.split('=');
    const name = decode(sentName, sentName);
    if (name in values) throw givenTwice(name);
    values[name] = decode(value.join('='), name);
  }
  return values;
}

function decode(sent: string, name: string): string {
  try {
    return decodeURIComponent(sent.replaceAll('+', ' '));
  } catch {
    throw invalid(name, 'must be UTF-8 in escapes of "%" and two digits');
  }
}

export function givenTwice(name: string): ProblemError {
  return invalid(name, 'must be given once');
}

function invalid(name: string, message: string): ProblemError {
  return new ProblemError('invalid_request', `${name}: ${message}`, { errors: [{ path: name, message }] });
}
