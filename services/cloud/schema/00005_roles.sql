-- Roles. The cloud owns the schema. livelearn_read sees the views of all schools, for dashboards.
-- Each box login is a member of livelearn_box: it sees the rows of its own box, and writes
-- through three functions only.

-- +goose Up

-- +goose StatementBegin
do $$
declare
	r text;
begin
	foreach r in array array['livelearn_box', 'livelearn_read'] loop
		if not exists (select from pg_roles where rolname = r) then
			execute format('create role %I nologin', r);
		end if;
	end loop;
exception
	when duplicate_object or unique_violation then
		null; -- another database of this server was first
	when insufficient_privilege then
		raise exception 'this login may not create roles: let it (alter role .. createrole), or create livelearn_box and livelearn_read first';
end $$;
-- +goose StatementEnd

alter table livelearn.facts enable row level security;
alter table livelearn.watermarks enable row level security;
alter table livelearn.dead_letters enable row level security;
alter table livelearn.down enable row level security;
alter table livelearn.boxes enable row level security;
alter table livelearn.schools enable row level security;

-- The select around my_box makes Postgres call it once per statement instead of once per row.
create policy own on livelearn.facts for select to livelearn_box using (box = (select livelearn.my_box()));
create policy own on livelearn.watermarks for select to livelearn_box using (box = (select livelearn.my_box()));
create policy own on livelearn.dead_letters for select to livelearn_box using (box = (select livelearn.my_box()));
create policy own on livelearn.boxes for select to livelearn_box using (id = (select livelearn.my_box()));
create policy own on livelearn.schools for select to livelearn_box using (id = (select b.school from livelearn.boxes b));
create policy own on livelearn.down for select to livelearn_box using (school = (select b.school from livelearn.boxes b));

revoke all on all functions in schema livelearn from public;
grant usage on schema livelearn to livelearn_box, livelearn_read;

grant select on livelearn.facts, livelearn.watermarks, livelearn.dead_letters, livelearn.down to livelearn_box;
grant select (id, school, name, version, login, enrolled, revoked, seen) on livelearn.boxes to livelearn_box;
grant select (id, name, policy) on livelearn.schools to livelearn_box;
grant execute on function livelearn.my_box, livelearn.state, livelearn.pull, livelearn.ingest to livelearn_box;

grant select on livelearn.facts_at, livelearn.lessons, livelearn.results, livelearn.attendance, livelearn.answers, livelearn.pupils,
	livelearn.boxes_seen, livelearn.dead to livelearn_read;
grant execute on function livelearn.stamp, livelearn.corrected, livelearn.whole, livelearn.real, livelearn.yes to livelearn_read;

-- +goose Down
-- The roles stay, because another database of this server may use them.
drop policy own on livelearn.down;
drop policy own on livelearn.schools;
drop policy own on livelearn.boxes;
drop policy own on livelearn.dead_letters;
drop policy own on livelearn.watermarks;
drop policy own on livelearn.facts;
