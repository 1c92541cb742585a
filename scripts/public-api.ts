import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The kinds of values that a parameter or a member takes, as plain JavaScript can be wrong about them. */
export type Shape =
  | { readonly kind: 'string'; readonly literals?: readonly string[] }
  | { readonly kind: 'number' | 'bigint' | 'boolean' | 'date' | 'function' | 'foreign' | 'json' | 'anything' }
  | { readonly kind: 'array'; readonly element: Slot }
  | { readonly kind: 'object'; readonly members: readonly Named[] }
  | { readonly kind: 'union'; readonly shapes: readonly Shape[] };

/** A place for a value. */
export interface Slot {
  readonly shape: Shape;
  readonly isOptional: boolean;
  readonly isNullable: boolean;
}

export interface Named extends Slot {
  readonly name: string;
}

/** A function that users can call. */
export interface PublicFunction {
  /** `createLedger`; for a method, the type of its object and its path, such as `Ledger.accounts.open`. */
  readonly name: string;
  /** The type of the object that it is called on; undefined for an export. */
  readonly owner: string | undefined;
  /** Its path on that object: `['accounts', 'open']`. */
  readonly path: readonly string[];
  readonly parameters: readonly Named[];
  readonly returnsPromise: boolean;
}

const DEPTH_MAX = 4;

/**
 * Lists from the types what users can call: the exported functions of the entry points, and the methods of the objects that
 * they return, at any depth. So a test of every function includes new ones automatically.
 */
export function readPublicApi(entryPoints: readonly URL[]): readonly PublicFunction[] {
  const files = entryPoints.map((url) => fileURLToPath(url));
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
  const program = ts.createProgram(files, { ...options, noEmit: true, skipLibCheck: true });
  const checker = program.getTypeChecker();
  const found = new Map<string, PublicFunction>();
  const seen = new Set<string>();

  for (const file of files) {
    const source = program.getSourceFile(file);
    const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${file} exports nothing`);
    for (const symbol of checker.getExportsOfModule(module)) {
      const type = checker.getTypeOfSymbol(symbol);
      if (type.getCallSignatures().length > 0) addFunction(undefined, [symbol.name], type);
    }
  }
  return [...found.values()];

  function addFunction(owner: string | undefined, path: readonly string[], type: ts.Type): void {
    // Of overloads the last is the one that takes everything.
    const signature = type.getCallSignatures().at(-1);
    if (signature === undefined) return;
    const name = [owner, ...path].filter((part) => part !== undefined).join('.');
    const returned = signature.getReturnType();
    const parameters = signature.parameters.map((parameter) => slotOfSymbol(parameter, 0));
    found.set(name, { name, owner, path, parameters, returnsPromise: returned.symbol?.name === 'Promise' });
    addObject(unwrap(returned));
  }

  /** The type that a promise resolves to. */
  function unwrap(type: ts.Type): ts.Type {
    const [argument] = checker.getTypeArguments(type as ts.TypeReference);
    return type.symbol?.name === 'Promise' && argument !== undefined ? unwrap(argument) : type;
  }

  function addObject(type: ts.Type): void {
    const { symbol } = type;
    if (symbol === undefined || !isOurs(type) || seen.has(symbol.name) || symbol.name.startsWith('__')) return;
    seen.add(symbol.name);
    addMembers(symbol.name, [], type);
  }

  function addMembers(owner: string, path: readonly string[], type: ts.Type): void {
    for (const property of checker.getPropertiesOfType(type)) {
      if (property.name.startsWith('__@')) continue;
      const member = checker.getNonNullableType(checker.getTypeOfSymbol(property));
      const at = [...path, property.name];
      if (member.getCallSignatures().length > 0) addFunction(owner, at, member);
      else if (hasMethods(member, 0)) addMembers(owner, at, member);
    }
  }

  function hasMethods(type: ts.Type, depth: number): boolean {
    const isObject = (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0 && !isBrandedString(type);
    if (depth > 2 || !isObject || !isOurs(type)) return false;
    return checker.getPropertiesOfType(type).some((property) => {
      const member = checker.getTypeOfSymbol(property);
      return member.getCallSignatures().length > 0 || hasMethods(member, depth + 1);
    });
  }

  /** Declared in a package of this repository, `Pick` and `Omit` of such types included. */
  function isOurs(type: ts.Type): boolean {
    const properties = checker.getPropertiesOfType(type);
    const declarations = [type.symbol, ...properties].flatMap((symbol) => symbol?.declarations ?? []);
    return declarations.some((declaration) => /\/packages\/[^/]+\/src\//.test(declaration.getSourceFile().fileName));
  }

  function slotOfSymbol(symbol: ts.Symbol, depth: number): Named {
    const declaration = symbol.valueDeclaration;
    const isParameter = declaration !== undefined && ts.isParameter(declaration);
    const isOptional =
      (symbol.flags & ts.SymbolFlags.Optional) !== 0 || (isParameter && checker.isOptionalParameter(declaration));
    const slot = slotOf(checker.getTypeOfSymbol(symbol), depth);
    return { ...slot, name: symbol.name, isOptional: isOptional || slot.isOptional };
  }

  function slotOf(type: ts.Type, depth: number): Slot {
    const parts = type.isUnion() ? type.types : [type];
    const isOf = (flag: ts.TypeFlags) => parts.some((part) => part.flags & flag);
    const values = parts.filter((part) => !(part.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)));
    return {
      shape: shapeOf(values, depth),
      isOptional: isOf(ts.TypeFlags.Undefined),
      isNullable: isOf(ts.TypeFlags.Null),
    };
  }

  function shapeOf(types: readonly ts.Type[], depth: number): Shape {
    const literals = types.flatMap((type) => (type.isStringLiteral() ? [type.value] : []));
    if (literals.length > 0 && literals.length === types.length) return { kind: 'string', literals };
    const shapes = types.map((type) => shapeOfOne(type, depth));
    const kinds = new Map(shapes.map((shape) => [shape.kind === 'object' ? JSON.stringify(shape) : shape.kind, shape]));
    const [first, ...others] = kinds.values();
    if (first === undefined) return { kind: 'json' };
    return others.length === 0 ? first : { kind: 'union', shapes: [first, ...others] };
  }

  function shapeOfOne(type: ts.Type, depth: number): Shape {
    const { flags } = type;
    if (flags & ts.TypeFlags.StringLike || isBrandedString(type)) return { kind: 'string' };
    if (flags & ts.TypeFlags.NumberLike) return { kind: 'number' };
    if (flags & ts.TypeFlags.BigIntLike) return { kind: 'bigint' };
    if (flags & ts.TypeFlags.BooleanLike) return { kind: 'boolean' };
    if (flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return { kind: 'anything' };
    if (type.symbol?.name === 'Date') return { kind: 'date' };
    if (checker.isArrayType(type) || checker.isTupleType(type)) {
      const [element] = checker.getTypeArguments(type as ts.TypeReference);
      return { kind: 'array', element: slotOf(element ?? checker.getAnyType(), depth + 1) };
    }
    if (type.getCallSignatures().length > 0) return { kind: 'function' };
    if (checker.getIndexInfosOfType(type).length > 0) return { kind: 'json' };
    const properties = checker.getPropertiesOfType(type);
    // A whole object of somebody's, or ours that is handed back; options may hold one, and functions of their own.
    const holdsOne = depth > 0 && properties.some((property) => isCalled(checker.getTypeOfSymbol(property)));
    if (!isOurs(type) || isCalled(type) || holdsOne || depth > DEPTH_MAX) return { kind: 'foreign' };
    return { kind: 'object', members: properties.map((property) => slotOfSymbol(property, depth + 1)) };
  }

  function isCalled(type: ts.Type): boolean {
    if (!(type.flags & ts.TypeFlags.Object)) return false;
    return checker
      .getPropertiesOfType(type)
      .some(({ valueDeclaration: at }) => at !== undefined && (ts.isMethodSignature(at) || ts.isMethodDeclaration(at)));
  }

  function isBrandedString(type: ts.Type): boolean {
    return type.isIntersection() && type.types.some((part) => part.flags & ts.TypeFlags.String);
  }
}
