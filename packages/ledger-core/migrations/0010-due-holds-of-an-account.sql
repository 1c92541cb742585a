-- The holds of an account that are due are found among its open ones, not among all that it ever had: every reader of a balance
-- that has something pending looks for them. Writers of holds wait while the indexes are made.
-- Old code may run beside it: yes

create index holds_due_from on holds (from_account, expires_at) where state = 'open' and expires_at is not null;
create index holds_due_to on holds (to_account, expires_at) where state = 'open' and expires_at is not null;
