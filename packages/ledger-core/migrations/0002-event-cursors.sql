-- How far each sink has read the events.
-- Old code may run beside it: yes

create table event_cursors (
  sink text collate "C" not null,
  position bigint not null default 0,
  paused boolean not null default false,
  moved_at timestamptz(3) not null default now(),
  constraint event_cursors_pkey primary key (sink),
  constraint event_cursors_sink_length check (length(sink) between 1 and 63),
  constraint event_cursors_position_not_negative check (position >= 0)
);
