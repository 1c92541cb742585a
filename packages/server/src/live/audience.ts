import type { EventData, EventType, LedgerEvent } from '@micropay/ledger-core';
import type { UserId } from '../identity/user-id.js';
import { walletOwnerOf } from '../identity/wallet-address.js';
import type { UserEventData, UserEventType } from '../users/user-events.js';

/** The reader of a stream: a user, or the operators, who all see the same. */
export type Viewer = UserId | 'operator';

interface Rule<Data> {
  /** The users whom an event is about. */
  readonly users: (data: Data) => readonly (UserId | undefined)[];
  /** The part that this reader may see; default: everything. */
  readonly shown?: (data: Data, user: UserId) => unknown;
}

interface OfAccount {
  readonly address: string;
}

interface ByOperator extends OfAccount {
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
}

interface Movement {
  readonly fromAddress: string;
  readonly toAddress: string;
}

interface OfUser {
  readonly userId: string;
}

const ofUser: Rule<OfUser> = { users: ({ userId }) => [userId as UserId] };
const owned: Rule<OfAccount> = { users: ({ address }) => [walletOwnerOf(address)] };

/** Only operators see which operator made a change, and why. */
const changedByOperator: Rule<ByOperator> = { ...owned, shown: ({ by: _by, reason: _reason, ...data }) => data };

/** Both parties receive the event. An address reveals the wallet's owner and name, so each party sees only its own. */
const movement: Rule<Movement> = {
  users: ({ fromAddress, toAddress }) => [walletOwnerOf(fromAddress), walletOwnerOf(toAddress)],
  shown: (data, user) => ({
    ...data,
    fromAddress: walletOwnerOf(data.fromAddress) === user ? data.fromAddress : null,
    toAddress: walletOwnerOf(data.toAddress) === user ? data.toAddress : null,
  }),
};

const operatorsOnly: Rule<unknown> = { users: () => [] };

/** Decided for each type: one that is new in the catalogue does not compile here before somebody has thought of it. */
const RULES: { readonly [Type in EventType]: Rule<EventData<Type>> } & {
  readonly [Type in UserEventType]: Rule<UserEventData<Type>>;
} = {
  'user.created.v1': ofUser,
  'user.closed.v1': ofUser,
  'user.notified.v1': {
    users: ({ userIds }) => userIds as UserId[],
    shown: (_data, user) => ({ userIds: [user] }),
  },
  'account.opened.v1': owned,
  'account.frozen.v1': changedByOperator,
  'account.unfrozen.v1': changedByOperator,
  'account.closed.v1': changedByOperator,
  'account.limits_changed.v1': changedByOperator,
  'balance.changed.v1': owned,
  'transfer.posted.v1': movement,
  'transfer.reversed.v1': movement,
  'hold.placed.v1': movement,
  'hold.captured.v1': movement,
  'hold.released.v1': movement,
  'hold.expired.v1': movement,
  // Told to whom they are about by what becomes of them: they do not say whose wallets they name.
  'transfer.requested.v1': operatorsOnly,
  'transfer.refused.v1': operatorsOnly,
  'transfer.request_replayed.v1': operatorsOnly,
};

/** Another application that shares the ledger may write events of its own, of which nothing is known here. */
function ruleOf(type: string): Rule<unknown> {
  return Object.hasOwn(RULES, type) ? (RULES[type as keyof typeof RULES] as Rule<unknown>) : operatorsOnly;
}

/** Everybody who may see an event, each once. */
export function viewersOf({ type, data }: LedgerEvent): ReadonlySet<Viewer> {
  const { users } = ruleOf(type);
  return new Set<Viewer>(['operator', ...users(data).filter((user) => user !== undefined)]);
}

/** An event as this viewer may see it. */
export function shownTo(viewer: Viewer, { id, type, subject, time, data }: LedgerEvent): unknown {
  const { shown } = ruleOf(type);
  const visible = viewer === 'operator' || shown === undefined ? data : shown(data, viewer);
  return { id, type, subject, time: time.toISOString(), data: visible };
}
