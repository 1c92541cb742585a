import { ProblemError } from '../../errors/problem.js';
import type { Endpoint } from '../endpoint.js';

type Params = Readonly<Record<string, string>>;

/** What serves one method of one path. */
export interface Place<Target> extends Pick<Endpoint, 'method' | 'path'> {
  readonly target: Target;
}

export interface Found<Target> {
  readonly target: Target;
  readonly params: Params;
}

export interface RouteTable<Target> {
  readonly has: (path: string) => boolean;
  readonly find: (method: string, path: string) => Found<Target> | undefined;
  /** The problem with a request that no route takes: its path is unknown, or only its method. */
  readonly refusal: (method: string, path: string) => ProblemError;
}

/** A path, and what serves each of its methods. */
interface Path<Target> {
  readonly names: readonly string[];
  readonly targets: Map<string, Target>;
}

/** The paths below one segment. */
interface Branch<Target> {
  readonly fixed: Map<string, Branch<Target>>;
  parameter: Branch<Target> | undefined;
  path: Path<Target> | undefined;
}

const NO_PARAMS: Params = {};

/**
 * The routes by path and method. A fixed path is never taken for a parameter: no transfer is called `batch`. A path with GET also
 * has HEAD; `everywhere` are methods of every path, for the header `Allow`.
 */
export function createRouteTable<Target>(
  places: readonly Place<Target>[],
  everywhere: readonly string[] = [],
): RouteTable<Target> {
  const fixedPaths = new Map<string, Path<Target>>();
  const root: Branch<Target> = createBranch();

  for (const { method, path, target } of places) {
    const { targets } = path.includes('{') ? grow(root, path) : fixedPath(path);
    targets.set(method.toUpperCase(), target);
    if (method === 'get') targets.set('HEAD', target);
  }

  function fixedPath(path: string): Path<Target> {
    const known = fixedPaths.get(path) ?? { names: [], targets: new Map() };
    fixedPaths.set(path, known);
    return known;
  }

  function locate(sent: string): { readonly path: Path<Target>; readonly values: readonly string[] } | undefined {
    const fixed = fixedPaths.get(sent);
    if (fixed !== undefined) return { path: fixed, values: [] };
    const segments = sent.slice(1).split('/');
    if (!sent.includes('%')) return search(root, segments, 0, []);
    const decoded = segments.map(decode);
    const path = fixedPaths.get(`/${decoded.join('/')}`);
    // A segment with an escaped "/" is none of a fixed path.
    if (path !== undefined && decoded.every((segment) => !segment.includes('/'))) return { path, values: [] };
    return search(root, decoded, 0, []);
  }

  return {
    has: (path) => locate(path) !== undefined,
    find(method, sent) {
      const located = locate(sent);
      const target = located?.path.targets.get(method);
      if (located === undefined || target === undefined) return undefined;
      return { target, params: paramsOf(located.path.names, located.values) };
    },
    refusal(method, sent) {
      const located = locate(sent);
      if (located === undefined) {
        return new ProblemError('route_not_found', 'no route has this path: /openapi.json lists them all');
      }
      const allow = [...located.path.targets.keys(), ...everywhere].join(', ');
      return new ProblemError('method_not_allowed', `${method} is not allowed here, only ${allow}`, {
        headers: { allow },
      });
    },
  };
}

function createBranch<Target>(): Branch<Target> {
  return { fixed: new Map(), parameter: undefined, path: undefined };
}

function grow<Target>(root: Branch<Target>, path: string): Path<Target> {
  let branch = root;
  const names: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) {
      const next = branch.fixed.get(segment) ?? createBranch<Target>();
      branch.fixed.set(segment, next);
      branch = next;
    } else {
      names.push(name);
      branch.parameter ??= createBranch<Target>();
      branch = branch.parameter;
    }
  }
  branch.path ??= { names, targets: new Map() };
  return branch.path;
}

/** Looks along the fixed segments first. */
function search<Target>(
  branch: Branch<Target>,
  segments: readonly string[],
  depth: number,
  values: readonly string[],
): { readonly path: Path<Target>; readonly values: readonly string[] } | undefined {
  const segment = segments[depth];
  if (segment === undefined) return branch.path === undefined ? undefined : { path: branch.path, values };
  const fixed = branch.fixed.get(segment);
  const found = fixed === undefined ? undefined : search(fixed, segments, depth + 1, values);
  if (found !== undefined || branch.parameter === undefined || segment === '') return found;
  return search(branch.parameter, segments, depth + 1, [...values, segment]);
}

function paramsOf(names: readonly string[], values: readonly string[]): Params {
  if (names.length === 0) return NO_PARAMS;
  return Object.fromEntries(names.map((name, place) => [name, values[place] as string]));
}

/** What is not UTF-8 in escapes stays as it was sent, and names nothing. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
