import pg from 'pg';
import { expect } from 'vitest';

/** A node of a query plan, as `explain (analyze, format json)` prints it. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  /** Of an index's rows, those that a condition outside the index turned away; a mean of all loops. */
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** A statement with the nodes of its plan. */
export interface ExplainedStatement {
  readonly text: string;
  readonly nodes: readonly PlanNode[];
}

export interface Explained {
  /** Connections to this address are told of. */
  readonly url: string;
  /** All statements that `work` sends. */
  statementsOf(work: () => Promise<unknown>): Promise<readonly ExplainedStatement[]>;
  /** The nodes of all statements that `work` sends. */
  nodesOf(work: () => Promise<unknown>): Promise<readonly PlanNode[]>;
  stop(): void;
}

function flat(plan: PlanNode): readonly PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(flat)];
}

/** Listens to what PostgreSQL says of every statement that this process runs on an address. */
export function explainStatements(database: string): Explained {
  const statements: ExplainedStatement[] = [];
  const statementsOf: Explained['statementsOf'] = async (work) => {
    statements.length = 0;
    await work();
    return [...statements];
  };
  const connect = pg.Client.prototype.connect;
  pg.Client.prototype.connect = function (this: pg.Client, ...parameters: Parameters<typeof connect>) {
    this.on('notice', ({ message = '' }) => {
      const json = /plan:\s*(\{[\s\S]*\})/.exec(message)?.[1];
      if (json === undefined) return;
      const { Plan: plan, 'Query Text': text } = JSON.parse(json) as { Plan: PlanNode; 'Query Text': string };
      statements.push({ text, nodes: flat(plan) });
    });
    return connect.apply(this, parameters);
  } as typeof connect;
  const url = new URL(database);
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': 0,
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_format': 'json',
    'auto_explain.log_level': 'notice',
    client_min_messages: 'notice',
  };
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  url.searchParams.set('options', options.join(' '));
  return {
    url: url.href,
    statementsOf,
    nodesOf: async (work) => (await statementsOf(work)).flatMap(({ nodes }) => nodes),
    stop() {
      pg.Client.prototype.connect = connect;
    },
  };
}

/** The table that a node reads; for a partition of the journal, the journal. Partitions that were left out are not read. */
export function tableOf(node: PlanNode): string | undefined {
  if (node['Actual Loops'] === 0) return undefined;
  return node['Relation Name']?.replace(/^transfers_\d+$/, 'transfers');
}

/** Expects that a table is not read as a whole, and answers how many of its rows were read. */
export function rowsRead(nodes: readonly PlanNode[], table: string): number {
  const scans = nodes.filter((node) => tableOf(node) === table);
  // The partition that is next has no row yet, and PostgreSQL knows it.
  expect(scans.filter((node) => /Seq Scan/.test(node['Node Type']) && rowsOf(node) > 0)).toEqual([]);
  return scans.reduce((sum, node) => sum + rowsOf(node), 0);
}

/** The number of rows that a scan has read, including those that it filtered out. */
export function rowsOf(node: PlanNode): number {
  return (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
}
