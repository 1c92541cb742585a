import { type Selectable, sql, type Transaction, type Updateable } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { recordAct } from '../../audit/record-act.js';
import type { Database } from '../../database/connect.js';
import type { Tables } from '../../database/tables.js';
import { ProblemError } from '../../errors/problem.js';
import type { Act } from '../../identity/act.js';
import { newSigningSecret } from '../sending/sign.js';
import { markDue } from '../sink/mark-due.js';

/** Why an endpoint receives nothing now. */
export const DISABLED_REASONS = ['operator', 'gone', 'failing'] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

/** An endpoint as it is listed: everything but its secrets. */
export type WebhookEndpointRow = Omit<Selectable<Tables['webhook_endpoints']>, 'ledger' | 'secret' | 'previous_secret'>;

const COLUMNS = [
  'id',
  'url',
  'description',
  'event_types',
  'account_path',
  'metadata',
  'ordered',
  'previous_until',
  'disabled_at',
  'disabled_reason',
  'created_by',
  'created_at',
] as const satisfies readonly (keyof WebhookEndpointRow)[];

/** What the owner of an endpoint decides. */
export interface WebhookEndpointSettings {
  readonly url: string;
  readonly description: string | null;
  readonly eventTypes: readonly string[] | null;
  readonly accountPath: string | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>> | null;
  readonly ordered: 'account' | 'none';
}

/** The secret, which is shown once, and the row. */
export interface IssuedWebhookEndpoint {
  readonly secret: Buffer;
  readonly row: WebhookEndpointRow;
}

/** The webhook endpoints of a ledger in the database. */
export interface WebhookEndpointStore {
  /** In the order in which they were made. */
  list(page: { readonly after: string | undefined; readonly limit: number }): Promise<readonly WebhookEndpointRow[]>;
  /** @throws {ProblemError} `webhook_endpoint_not_found` */
  get(id: string): Promise<WebhookEndpointRow>;
  /** @throws {ProblemError} `too_many_webhook_endpoints` */
  create(settings: WebhookEndpointSettings, act: Act): Promise<IssuedWebhookEndpoint>;
  /** @throws {ProblemError} `webhook_endpoint_not_found` */
  change(id: string, settings: Partial<WebhookEndpointSettings>): Promise<WebhookEndpointRow>;
  /** Sends what waits, in order and as if for the first time, from now on. May be called again. @throws {ProblemError} `webhook_endpoint_not_found` */
  enable(id: string): Promise<WebhookEndpointRow>;
  /**
   * Keeps the first reason when called again.
   *
   * @throws {ProblemError} `webhook_endpoint_not_found`
   */
  disable(id: string, reason: DisabledReason, options?: DisableOptions): Promise<WebhookEndpointRow>;
  /** Makes a new secret; both sign for `overlapSeconds` more. @throws {ProblemError} `webhook_endpoint_not_found` */
  rotate(id: string, overlapSeconds: number): Promise<IssuedWebhookEndpoint>;
  /** Its deliveries go with it. @throws {ProblemError} `webhook_endpoint_not_found` */
  remove(id: string): Promise<void>;
}

export interface DisableOptions {
  /** Changes nothing if a sender has the endpoint by another claim than this, or none: it may have been enabled, or taken over. */
  readonly claim?: string;
  /** Done in the same database transaction, if something changes. */
  readonly also?: (transaction: Database, row: WebhookEndpointRow) => Promise<void>;
}

export const ENDPOINTS_MAX = 10_000;

export function createWebhookEndpointStore(
  database: Database,
  ledger: string,
  endpointsMax: number = ENDPOINTS_MAX,
): WebhookEndpointStore {
  const endpoints = (on: Database | Transaction<Tables> = database) =>
    on.selectFrom('webhook_endpoints').where('ledger', '=', ledger);
  const update = (on: Transaction<Tables>, id: string) =>
    on.updateTable('webhook_endpoints').where('ledger', '=', ledger).where('id', '=', id).returning(COLUMNS);

  /** Changes of one ledger's endpoints come one after the other, and whoever has read them finds that they are others now. */
  function changing<Result>(work: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result> {
    return database.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('webhook_versions')
        .values({ ledger, version: 1 })
        .onConflict((met) => met.column('ledger').doUpdateSet({ version: sql`webhook_versions.version + 1` }))
        .execute();
      return work(transaction);
    });
  }

  async function requireRoom(transaction: Transaction<Tables>): Promise<void> {
    const { count } = await endpoints(transaction)
      .select(sql<number>`count(*)::int`.as('count'))
      .executeTakeFirstOrThrow();
    if (count < endpointsMax) return;
    throw new ProblemError('too_many_webhook_endpoints', `a ledger has at most ${endpointsMax}: delete one`);
  }

  async function get(on: Database, id: string): Promise<WebhookEndpointRow> {
    return found(await endpoints(on).select(COLUMNS).where('id', '=', id).executeTakeFirst());
  }

  const queue = (on: Transaction<Tables>, id: string) =>
    on.updateTable('webhook_queues').where('ledger', '=', ledger).where('endpoint_id', '=', id);

  /** Whether a sender has the endpoint by this claim; it then keeps it until the transaction ends. */
  async function isClaimed(transaction: Transaction<Tables>, id: string, claim: string): Promise<boolean> {
    const row = await transaction
      .selectFrom('webhook_queues')
      .select('endpoint_id')
      .where('ledger', '=', ledger)
      .where('endpoint_id', '=', id)
      .where('claim', '=', claim)
      .forUpdate()
      .executeTakeFirst();
    return row !== undefined;
  }

  return {
    list({ after, limit }) {
      const page = endpoints().select(COLUMNS).orderBy('id').limit(limit);
      return (after === undefined ? page : page.where('id', '>', after)).execute();
    },
    get: (id) => get(database, id),
    create: (settings, act) =>
      changing(async (transaction) => {
        await requireRoom(transaction);
        const [id, secret] = [uuidv7(), newSigningSecret()];
        const { eventTypes, accountPath, metadata, ...same } = settings;
        const row = await transaction
          .insertInto('webhook_endpoints')
          .values({
            ...same,
            ledger,
            id,
            event_types: eventTypes === null ? null : [...eventTypes],
            account_path: accountPath,
            metadata: metadata === null ? null : JSON.stringify(metadata),
            secret,
            created_by: act.principal,
          })
          .returning(COLUMNS)
          .executeTakeFirstOrThrow();
        await transaction.insertInto('webhook_queues').values({ ledger, endpoint_id: id, due_at: null }).execute();
        await recordAct(transaction, ledger, { ...act, subject: id });
        return { secret, row };
      }),
    change: (id, { eventTypes, accountPath, metadata, ...same }) =>
      changing(async (transaction) => {
        const changes: Updateable<Tables['webhook_endpoints']> = {
          ...same,
          ...(eventTypes === undefined ? {} : { event_types: eventTypes === null ? null : [...eventTypes] }),
          ...(accountPath === undefined ? {} : { account_path: accountPath }),
          ...(metadata === undefined ? {} : { metadata: metadata === null ? null : JSON.stringify(metadata) }),
        };
        // An update needs something to set.
        const row = found(
          await update(transaction, id)
            .set({ ledger, ...changes })
            .executeTakeFirst(),
        );
        // What the receiver at the old URL has answered says nothing about the new one.
        if (same.url !== undefined) await markDue(transaction, ledger, [id], { endsPause: true });
        return row;
      }),
    enable: (id) =>
      changing(async (transaction) => {
        const row = found(
          await update(transaction, id).set({ disabled_at: null, disabled_reason: null }).executeTakeFirst(),
        );
        await markDue(transaction, ledger, [id], { endsPause: true });
        const { numUpdatedRows } = await queue(transaction, id)
          .where('disabled', '=', true)
          .set({ disabled: false })
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return row;
        await transaction
          .updateTable('webhook_deliveries')
          .where('ledger', '=', ledger)
          .where('endpoint_id', '=', id)
          .where('state', '=', 'pending')
          .where('attempts', '>', 0)
          .set({ attempts: 0, due_at: sql`clock_timestamp()`, waits: false })
          .execute();
        return row;
      }),
    disable: (id, reason, { claim, also } = {}) =>
      changing(async (transaction) => {
        if (claim !== undefined && !(await isClaimed(transaction, id, claim))) return get(transaction, id);
        const row = await update(transaction, id)
          .where('disabled_at', 'is', null)
          .set({ disabled_at: sql`now()`, disabled_reason: reason })
          .executeTakeFirst();
        if (row === undefined) return get(transaction, id);
        await queue(transaction, id).set({ disabled: true }).execute();
        await also?.(transaction, row);
        return row;
      }),
    rotate: (id, overlapSeconds) =>
      changing(async (transaction) => {
        const secret = newSigningSecret();
        const row = await update(transaction, id)
          .set({
            // Repeated because its answer was lost, it must not end the secret that is in use.
            previous_secret: sql`case when previous_until > now() and ${overlapSeconds} > 0 then previous_secret else secret end`,
            previous_until: sql`now() + make_interval(secs => ${overlapSeconds})`,
            secret,
          })
          .executeTakeFirst();
        return { secret, row: found(row) };
      }),
    remove: (id) =>
      changing(async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom('webhook_endpoints')
          .where('ledger', '=', ledger)
          .where('id', '=', id)
          .executeTakeFirst();
        if (numDeletedRows === 0n) throw endpointMissing();
        // Its deliveries may be millions: they are removed in the background.
        await transaction
          .deleteFrom('webhook_queues')
          .where('ledger', '=', ledger)
          .where('endpoint_id', '=', id)
          .execute();
      }),
  };
}

function found(row: WebhookEndpointRow | undefined): WebhookEndpointRow {
  if (row === undefined) throw endpointMissing();
  return row;
}

export function endpointMissing(): ProblemError {
  return new ProblemError('webhook_endpoint_not_found', 'no webhook endpoint has this id');
}
