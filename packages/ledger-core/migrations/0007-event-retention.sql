-- Up to where facts have been deleted, so that a reader who comes back from behind it is told, and loses nothing unnoticed.
-- Old code may run beside it: yes

create table event_retention (
  only_row boolean not null default true,
  deleted_through bigint not null,
  constraint event_retention_pkey primary key (only_row),
  constraint event_retention_only_row check (only_row)
);
