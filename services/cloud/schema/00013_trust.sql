-- A box speaks for its own facts only, also when it erases: what other boxes hold of the pupil is
-- erased when the school confirms it. What a stolen box said after a time can be voided.

-- +goose Up

-- Erasures that a box reported of a pupil who is on the lists of other boxes too.
create table livelearn.erasures_asked (
	school int not null references livelearn.schools,
	pupil  text collate "C" not null,
	box    text collate "C" not null,
	asked  timestamptz not null default now(),
	primary key (school, pupil, box)
);

-- Facts that were voided, out of all views.
create table livelearn.voided (like livelearn.facts, at timestamptz not null default now());
create index voided_box on livelearn.voided (box, received);

create view livelearn.voids as
select s.name as school, v.box, min(v.received) as since, v.at, count(*) as facts
from livelearn.voided v join livelearn.schools s on s.id = v.school group by s.name, v.box, v.at;
comment on view livelearn.voids is 'What boxes said and no longer counts, by cloud revoke --since.';

-- +goose StatementBegin
-- erasure_scope returns the scope of an erasure that a box reports: the box's own facts (its id),
-- or nothing (null), if facts of another box name the pupil and no fact of this box does. If the
-- lists of another box agree that it is one child, the school is asked about the rest.
create or replace function livelearn.erasure_scope(p_school int, p_box text, p_pupil text, p_kind text[], p_author text[], p_payload text[], p_foreign int[]) returns text
	language plpgsql volatile set search_path = livelearn, pg_temp as $$
declare
	v_quoted text := to_json(p_pupil)::text;
	v_sources text[];
begin
	v_sources := array(
		select unnest(sources(u.payload, p_pupil)) from unnest(p_kind, p_payload) u (kind, payload) where u.kind = 'class.listed' and strpos(u.payload, v_quoted) > 0
		union
		select unnest(sources(f.payload::text, p_pupil)) from facts f where f.school = p_school and f.kind = 'class.listed' and f.box = p_box);
	if exists (select from facts f where f.school = p_school and f.kind = 'class.listed' and f.box <> p_box and sources(f.payload::text, p_pupil) && v_sources) then
		insert into erasures_asked (school, pupil, box) values (p_school, p_pupil, p_box) on conflict do nothing;
		return p_box;
	end if;
	if exists (select from unnest(p_kind, p_author, p_payload) with ordinality u (kind, author, payload, o)
			where u.kind <> 'pupil.erased' and u.o <> all (p_foreign) and (u.author = p_pupil or strpos(u.payload, v_quoted) > 0))
		or exists (select from facts f where f.school = p_school and f.box = p_box and f.kind <> 'pupil.erased'
			and (f.author = p_pupil or strpos(f.payload::text, v_quoted) > 0))
		or not exists (select from facts f where f.school = p_school and f.box <> p_box and f.kind <> 'pupil.erased'
			and (f.author = p_pupil or strpos(f.payload::text, v_quoted) > 0)) then
		return p_box;
	end if;
	return null;
end $$;
-- +goose StatementEnd

-- run_of returns the run of a box that an anchor dates, or null.
create function livelearn.run_of(p_anchor jsonb) returns bigint
	language sql immutable parallel safe
	return case when p_anchor ->> 'boot' ~ '^[0-9]{1,20}$' then case when (p_anchor ->> 'boot')::numeric < 18446744073709551616 then livelearn.bits(p_anchor ->> 'boot') end end;

-- +goose StatementBegin
-- void_box takes out of all views what a box said from a time on, and returns the number of facts.
create function livelearn.void_box(p_box text, p_since timestamptz) returns bigint
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_count bigint;
	v_runs bigint[];
begin
	with gone as (delete from facts where box = p_box and received >= p_since returning *)
	insert into voided select *, now() from gone;
	get diagnostics v_count = row_count;
	delete from dead_letters where box = p_box and at >= p_since;
	delete from erasures_asked where box = p_box and asked >= p_since;
	-- The triggers changed what the facts themselves say. Names, the ends of lessons and the quizzes
	-- of questions hang on other facts, and times on anchors.
	v_runs := array(select run_of(payload) from voided where box = p_box and at = now() and kind = 'time.anchored');
	delete from anchors where box = p_box and boot = any (v_runs);
	insert into anchors (school, box, boot, mono, wall)
	select distinct on (f.school, f.run) f.school, p_box, f.run, f.run_mono, f.run_wall
	from (select school, run_of(payload) as run, whole(payload -> 'mono') as run_mono, whole(payload -> 'wall') as run_wall
		from facts where box = p_box and kind = 'time.anchored') f
	where f.run = any (v_runs) and f.run_mono >= 0 and f.run_wall >= 0 order by f.school, f.run, f.run_mono;
	perform refresh_lesson(l.school, l.lesson) from (select school, lesson from lesson_rows where box = p_box order by school, lesson) l;
	return v_count;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- drop_asked forgets what was asked about a pupil whom the school has erased.
create function livelearn.drop_asked() returns trigger
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	delete from erasures_asked where school = new.school and pupil = new.pupil;
	return null;
end $$;
-- +goose StatementEnd
create trigger drop_asked after insert on livelearn.erased for each row when (new.box = '') execute function livelearn.drop_asked();

revoke all on function livelearn.run_of, livelearn.void_box, livelearn.drop_asked from public;
grant select on livelearn.voids to livelearn_read;

-- +goose Down
drop trigger drop_asked on livelearn.erased;
drop function livelearn.drop_asked;
drop view livelearn.voids;
drop function livelearn.void_box, livelearn.run_of;
drop table livelearn.voided, livelearn.erasures_asked;
