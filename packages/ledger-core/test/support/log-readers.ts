import type pg from 'pg';
import { createLogReader } from '../../src/events/reader.js';
import { fromClient, snapshotOn } from '../../src/postgres/connect.js';
import { createStore } from '../../src/postgres/store.js';

/** A transfer as a reader of the log hands it on. */
export interface SeenTransfer {
  readonly position: bigint;
  /** Each account with the version that the transfer gave it. */
  readonly sides: readonly (readonly [account: string, version: bigint])[];
}

/** Hands on what it takes for committed and complete. */
export interface PollingReader {
  poll(): Promise<readonly SeenTransfer[]>;
}

export type ReaderOf = (client: pg.Client, ledger: number) => PollingReader;

const LIMIT = 10_000;
const COLUMNS = `position::text, from_account, from_version::text, to_account, to_version::text,
  (metadata->>'xid')::bigint::text as xid`;

function toSeen(row: Record<string, string>): SeenTransfer {
  return {
    position: BigInt(row.position as string),
    sides: [
      [row.from_account as string, BigInt(row.from_version as string)],
      [row.to_account as string, BigInt(row.to_version as string)],
    ],
  };
}

async function query(client: pg.Client, text: string, values: readonly unknown[]) {
  return (await client.query<Record<string, string>>(text, [...values])).rows;
}

/** The reader of this package. */
export const gapSafe: ReaderOf = (client, ledger) => {
  const store = { ...createStore('micropay'), sql: fromClient(client), ledger };
  const reader = createLogReader({ snapshot: snapshotOn(client), store, after: 0n });
  return {
    async poll() {
      const rows = await reader.next(LIMIT);
      return rows
        .filter((row) => row.kind === 'transfer')
        .map(({ position, transfer }) => ({
          position,
          sides: [
            [transfer.from, transfer.fromBalance.version],
            [transfer.to, transfer.toBalance.version],
          ],
        }));
    },
  };
};

/** Wrong: remembers the highest position, below which others may still commit. */
export const highestPosition: ReaderOf = (client, ledger) => {
  let position = '0';
  return {
    async poll() {
      const rows = await query(
        client,
        `select ${COLUMNS} from micropay.transfers where ledger = $2 and position > $1 order by position`,
        [position, ledger],
      );
      position = rows.at(-1)?.position ?? position;
      return rows.map(toSeen);
    },
  };
};

/** Wrong: waits until no older transaction runs, and takes the order of transaction ids for the order of commits. */
export const xminFilterByTransaction: ReaderOf = (client, ledger) => {
  let xid = '0';
  return {
    async poll() {
      const rows = await query(
        client,
        `select ${COLUMNS} from micropay.transfers where ledger = $2 and (metadata->>'xid')::bigint > $1
           and (metadata->>'xid')::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         order by (metadata->>'xid')::bigint, position`,
        [xid, ledger],
      );
      xid = rows.at(-1)?.xid ?? xid;
      return rows.map(toSeen);
    },
  };
};

/** Wrong: the same filter, ordered by position: what is filtered out may stand below what is not. */
export const xminFilterByPosition: ReaderOf = (client, ledger) => {
  let position = '0';
  return {
    async poll() {
      const rows = await query(
        client,
        `select ${COLUMNS} from micropay.transfers where ledger = $2 and position > $1
           and (metadata->>'xid')::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         order by position`,
        [position, ledger],
      );
      position = rows.at(-1)?.position ?? position;
      return rows.map(toSeen);
    },
  };
};

/** Wrong: stops at gaps, but takes the snapshot's xmax, the last completed id + 1, for the bound of what may fill them. */
export const xmaxBound: ReaderOf = (client, ledger) => {
  let position = 0n;
  let bound: { readonly transactionId: bigint; readonly through: bigint } | undefined;
  return {
    async poll() {
      const rows = await query(
        client,
        `select ${COLUMNS}, pg_snapshot_xmin(snapshot)::text as xmin, pg_snapshot_xmax(snapshot)::text as xmax
         from pg_current_snapshot() snapshot left join lateral
           (select * from micropay.transfers where ledger = $2 and position > $1) t on true order by position`,
        [String(position), ledger],
      );
      const [xmin, xmax] = [BigInt(rows[0]?.xmin as string), BigInt(rows[0]?.xmax as string)];
      const isFinalThrough = bound !== undefined && xmin >= bound.transactionId ? bound.through : 0n;
      const seen: SeenTransfer[] = [];
      const found = rows.filter((row) => row.position !== null).map(toSeen);
      for (const row of found) {
        if (row.position !== position + 1n && row.position > isFinalThrough) break;
        position = row.position;
        seen.push(row);
      }
      const last = found.at(-1);
      if (bound === undefined || isFinalThrough === bound.through) {
        bound = last === undefined ? undefined : { transactionId: xmax, through: last.position };
      }
      return seen;
    },
  };
};

/**
 * Faults in the transfers that a reader has delivered, counting first occurrences only: versions of an account that are
 * missing between 1 and the last, and versions that came after a later one.
 */
export function faultsOf(seen: readonly SeenTransfer[], versions: ReadonlyMap<string, bigint>): readonly string[] {
  const faults: string[] = [];
  const handedOn = new Map<string, { last: bigint; all: Set<bigint> }>();
  for (const { sides } of seen) {
    for (const [account, version] of sides) {
      const known = handedOn.get(account) ?? { last: 0n, all: new Set<bigint>() };
      handedOn.set(account, known);
      if (known.all.has(version)) continue;
      if (version < known.last) faults.push(`out of order: version ${version} of ${account} after ${known.last}`);
      known.all.add(version);
      if (version > known.last) known.last = version;
    }
  }
  for (const [account, last] of versions) {
    for (let version = 1n; version <= last; version += 1n) {
      if (!handedOn.get(account)?.all.has(version)) faults.push(`lost: version ${version} of ${account}`);
    }
  }
  return faults;
}
