-- A capture or a reversal is not effective before what it continues: the ledger refuses it, and so does the journal.
-- The trigger fires for reversals and for captures that are dated; other rows pay for its condition alone. Rows that are there stay.
-- It waits for transactions that write to the journal, and they for it, for a moment.
-- Old code may run beside it: yes

create function refuse_effective_before_original() returns trigger language plpgsql as $$
declare
  earliest timestamptz;
begin
  -- The schema has any name, and whoever writes has any search_path.
  execute format('select coalesce(effective_at, recorded_at) from %I.transfers where ledger = $1 and id = $2', tg_table_schema)
    into earliest using new.ledger, new.original_id;
  if coalesce(new.effective_at, new.recorded_at) < earliest then
    raise exception '% % would be effective before %, which it continues', new.kind, new.id, new.original_id
      using errcode = 'check_violation', constraint = 'transfers_effective_after_original';
  end if;
  return new;
end $$;

create trigger transfers_effective_after_original before insert on transfers for each row
  when (new.original_id is not null and (new.kind = 'reversal' or new.kind = 'capture' and new.effective_at is not null))
  execute function refuse_effective_before_original();
