import { ProblemError } from '../../errors/problem.js';
import type { Endpoint } from '../endpoint.js';

type Place = Pick<Endpoint, 'method' | 'path'>;

export interface RouteTable {
  readonly has: (path: string) => boolean;
  /** Fixed paths, with the methods by which a path with a parameter would be taken for them: no transfer is called `batch`. */
  readonly reserved: readonly { readonly path: string; readonly methods: readonly string[] }[];
  /** The problem with a request that no route takes: its path is unknown, or only its method. */
  readonly refusal: (method: string, path: string) => ProblemError;
}

/** The methods of each path. A path with GET also has HEAD; `everywhere` are methods of every path. */
export function createRouteTable(places: readonly Place[], everywhere: readonly string[] = []): RouteTable {
  const methods = new Map<string, string[]>();
  for (const { method, path } of places) {
    const named = method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];
    methods.set(path, [...(methods.get(path) ?? []), ...named]);
  }
  const paths = [...methods].map(([path, own]) => ({
    path,
    isFixed: !path.includes('{'),
    pattern: patternOf(path),
    methods: [...own, ...everywhere],
  }));
  const ranked = [...paths.filter(({ isFixed }) => isFixed), ...paths.filter(({ isFixed }) => !isFixed)];
  const find = (path: string) => ranked.find(({ pattern }) => pattern.test(path));

  return {
    has: (path) => find(path) !== undefined,
    reserved: paths
      .filter(({ isFixed }) => isFixed)
      .map(({ path, methods: own }) => ({
        path,
        methods: paths
          .filter(({ isFixed, pattern }) => !isFixed && pattern.test(path))
          .flatMap((template) => template.methods.filter((method) => !own.includes(method))),
      }))
      .filter((fixed) => fixed.methods.length > 0),
    refusal(method, path) {
      const place = find(path);
      if (place === undefined) {
        return new ProblemError('route_not_found', 'no route has this path: /openapi.json lists them all');
      }
      const allow = place.methods.join(', ');
      return new ProblemError('method_not_allowed', `${method} is not allowed here, only ${allow}`, {
        headers: { allow },
      });
    },
  };
}

function patternOf(path: string): RegExp {
  const source = path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
