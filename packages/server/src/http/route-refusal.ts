import type { Endpoint } from './endpoint.js';
import { ProblemError } from './problem.js';

type Place = Pick<Endpoint, 'method' | 'path'>;

/** Says why no route took a request: its path is unknown, or only its method. */
export function createRouteRefusal(places: readonly Place[]) {
  const known = places.map(({ method, path }) => ({ method: method.toUpperCase(), pattern: patternOf(path) }));

  return (method: string, path: string): ProblemError => {
    const methods = known.filter(({ pattern }) => pattern.test(path)).map((place) => place.method);
    if (methods.length === 0) {
      return new ProblemError('route_not_found', 'no route has this path: /openapi.json lists them all');
    }
    const allow = methods.join(', ');
    return new ProblemError('method_not_allowed', `${method} is not allowed here, only ${allow}`, {
      headers: { allow },
    });
  };
}

function patternOf(path: string): RegExp {
  const source = path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
