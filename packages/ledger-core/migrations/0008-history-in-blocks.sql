-- The history of an account is found by blocks of 32 versions. Rows with the same key share one copy of it in the index,
-- which takes a fifth of the room that a key for each row did.
-- Statistics are gathered after every ten thousand rows, and not after a tenth of the table: of a ledger that they do not know
-- yet the planner believes that it has a row or two.
-- Old code may run beside it: yes

-- Dropped first, because that takes the strongest lock on the journal: taken later it would deadlock with a transaction
-- that has read the journal and waits to write to it.
drop index transfers_from_history;
drop index transfers_to_history;
create index transfers_from_history on transfers (from_account, (from_version >> 5));
create index transfers_to_history on transfers (to_account, (to_version >> 5));

alter table accounts set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
alter table balances set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
alter table transfers set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
