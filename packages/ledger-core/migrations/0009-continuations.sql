-- A capture or a reversal is not effective before what it continues: the ledger refuses it, and so does the journal.
-- The trigger fires for reversals and for captures that are dated; other rows pay for its condition alone. Rows that are there stay.
-- It waits for transactions that write to the journal, and they for it, for a moment.
-- Old code may run beside it: yes

create function refuse_effective_before_original() returns trigger language plpgsql set search_path from current as $$
begin
  if coalesce(new.effective_at, new.recorded_at) < (
    select coalesce(t.effective_at, t.recorded_at) from transfers t where t.ledger = new.ledger and t.id = new.original_id
  ) then
    raise exception '% % would be effective before %, which it continues', new.kind, new.id, new.original_id
      using errcode = 'check_violation', constraint = 'transfers_effective_after_original';
  end if;
  return new;
end $$;

create trigger transfers_effective_after_original before insert on transfers for each row
  when (new.original_id is not null and (new.kind = 'reversal' or new.kind = 'capture' and new.effective_at is not null))
  execute function refuse_effective_before_original();
