import { expectTypeOf, it } from 'vitest';
import type { advanceCheckpoint } from '../history/advance-checkpoint.js';
import type { readEffectiveBalance } from '../history/balance-at.js';
import type { processRequests } from '../posting/process-requests.js';
import type { inSavepoint, postWithin } from '../posting/within.js';
import type { openAccount } from './accounts.js';
import type { fromPool } from './connect.js';
import type { writeEvent } from './events.js';
import type { ConnectedStore, LedgerStore } from './store.js';
import type { SqlExecutor, Transaction } from './transaction-adapter.js';
import type { claimRequests, insertRequests, settleRequests } from './transfer-requests.js';

type Pooled = ReturnType<typeof fromPool>;
type OnPool = LedgerStore<Pooled>;

it('work that needs a database transaction does not compile on a pool', () => {
  expectTypeOf<Transaction>().toExtend<SqlExecutor>();
  expectTypeOf<Pooled>().not.toExtend<Transaction>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof openAccount>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof writeEvent>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof insertRequests>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof claimRequests>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof settleRequests>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof processRequests>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof postWithin>[0]>();
  expectTypeOf<Pooled>().not.toExtend<Parameters<typeof inSavepoint>[0]>();
  expectTypeOf<OnPool>().not.toExtend<Parameters<typeof readEffectiveBalance>[0]>();
  expectTypeOf<ConnectedStore<Pooled>>().not.toExtend<Parameters<typeof advanceCheckpoint>[0]>();
});
