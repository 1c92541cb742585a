-- Finds the fact that an account was opened, so that verify can tell which account lacks it.
-- Old code may run beside it: yes

create index events_opened on events (subject) where type = 'account.opened.v1';
