-- Emails may hold letters beyond ASCII, which the code brings into one form. What lower() makes of those depends on the
-- locale of the database, so that the check is for ASCII alone.
-- Old code may run beside it: yes

alter table users drop constraint users_email_lower_case;
alter table users add constraint users_email_lower_case check (email = lower(email collate "C"));
