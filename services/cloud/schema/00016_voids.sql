-- A void can be taken back: an operator may have typed a wrong time. Each void has a number, and what
-- it removed besides facts is kept too. What was voided is erased with the pupil whom it names.

-- +goose Up
create table livelearn.void_list (
	id     bigint generated always as identity primary key,
	school int not null references livelearn.schools on delete cascade,
	box    text collate "C" not null,
	since  timestamptz not null,
	at     timestamptz not null default now(), -- as in livelearn.voided
	facts  bigint not null,
	undone timestamptz
);
create index on livelearn.void_list (box, at);

insert into livelearn.void_list (school, box, since, at, facts)
select (array_agg(school order by received desc))[1], box, min(received), at, count(*) from livelearn.voided group by box, at order by at;

-- The refused facts and the erasures asked for that a void removed.
create table livelearn.voided_letters (
	void   bigint not null references livelearn.void_list on delete cascade,
	letter jsonb not null -- a row of dead_letters
);
create index on livelearn.voided_letters (void);
create table livelearn.voided_asked (
	void   bigint not null references livelearn.void_list on delete cascade,
	school int not null,
	pupil  text collate "C" not null,
	asked  timestamptz not null
);
create index on livelearn.voided_asked (void);

create or replace view livelearn.voids as
select s.name as school, l.box, l.since, l.at, l.facts, l.id, l.undone
from livelearn.void_list l join livelearn.schools s on s.id = l.school;
comment on view livelearn.voids is 'What boxes said and no longer counts, by cloud revoke --since, and what was taken back, by cloud unvoid.';

-- +goose StatementBegin
-- date_runs dates runs of a box by the first anchor that is left of each.
create function livelearn.date_runs(p_box text, p_runs bigint[]) returns void
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	delete from anchors where box = p_box and boot = any (p_runs);
	insert into anchors (school, box, boot, mono, wall)
	select distinct on (f.school, f.run) f.school, p_box, f.run, f.run_mono, f.run_wall
	from (select school, run_of(payload) as run, whole(payload -> 'mono') as run_mono, whole(payload -> 'wall') as run_wall
		from facts where box = p_box and kind = 'time.anchored') f
	where f.run = any (p_runs) and f.run_mono >= 0 and f.run_wall >= 0 order by f.school, f.run, f.run_mono;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- await_erasures waits for the erasures that run, and lets those wait that come until this transaction
-- ends. Side by side, one would look for a pupil where the other has not yet put what names the pupil.
create function livelearn.await_erasures() returns void
	language sql set search_path = livelearn, pg_temp
	as $$ select pg_advisory_xact_lock(hashtext('livelearn.erased')) $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function livelearn.await_voids() returns trigger
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	perform pg_advisory_xact_lock_shared(hashtext('livelearn.erased'));
	return new;
end $$;
-- +goose StatementEnd
create trigger await_voids before insert on livelearn.erased for each row execute function livelearn.await_voids();

-- +goose StatementBegin
create or replace function livelearn.void_box(p_box text, p_since timestamptz) returns bigint
	language plpgsql set search_path = livelearn, pg_temp set bytea_output = 'hex' as $$
declare
	v_count bigint;
	v_void bigint;
begin
	perform await_erasures();
	with gone as (delete from facts where box = p_box and received >= p_since returning *)
	insert into voided select *, now() from gone;
	get diagnostics v_count = row_count;
	insert into void_list (school, box, since, facts) select b.school, p_box, p_since, v_count from boxes b where b.id = p_box returning id into v_void;
	with gone as (delete from dead_letters where box = p_box and at >= p_since returning *)
	insert into voided_letters select v_void, to_jsonb(g) from gone g;
	with gone as (delete from erasures_asked where box = p_box and asked >= p_since returning *)
	insert into voided_asked select v_void, school, pupil, asked from gone;
	-- The triggers changed what the facts themselves say. Names, the ends of lessons and the quizzes
	-- of questions hang on other facts, and times on anchors.
	perform date_runs(p_box, array(select run_of(payload) from voided where box = p_box and at = now() and kind = 'time.anchored'));
	perform refresh_lesson(l.school, l.lesson) from (select school, lesson from lesson_rows where box = p_box order by school, lesson) l;
	return v_count;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- undo_void takes a void back and returns the number of facts that count again, or null if there is
-- no such void. A fact that arrived once more since then stays as it is.
create function livelearn.undo_void(p_id bigint) returns bigint
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	l void_list;
	v_count bigint;
	v_runs bigint[];
begin
	update void_list set undone = now() where id = p_id and undone is null returning * into l;
	if not found then
		return null;
	end if;
	perform ensure_month(m.month) from (select distinct date_trunc('month', wall, 'UTC') as month from voided where box = l.box and at = l.at order by 1) m;
	perform await_erasures(); -- after the months, which an arrival with an erasure makes first too
	v_runs := array(select run_of(payload) from voided where box = l.box and at = l.at and kind = 'time.anchored');
	with gone as (delete from voided where box = l.box and at = l.at returning *)
	insert into facts (epoch, seq, incarnation, pos, boot, mono, wall, received, school, version, trusted, stream, box, kind, author, command, payload)
	select v.epoch, v.seq, v.incarnation, v.pos, v.boot, v.mono, v.wall, v.received, v.school, v.version, v.trusted, v.stream, v.box, v.kind, v.author, v.command, v.payload
	from gone v
	where not exists (select from facts f where f.school = v.school and f.stream = v.stream and f.epoch = v.epoch and f.seq = v.seq)
	order by v.received, v.pos;
	get diagnostics v_count = row_count;
	with gone as (delete from voided_letters where void = l.id returning letter)
	insert into dead_letters overriding system value
	select (jsonb_populate_record(null::dead_letters, letter)).* from gone
	where exists (select from boxes b where b.id = l.box) on conflict do nothing;
	with gone as (delete from voided_asked where void = l.id returning *)
	insert into erasures_asked (school, pupil, box, asked)
	select a.school, a.pupil, l.box, a.asked from gone a
	where not exists (select from erased e where e.school = a.school and e.pupil = a.pupil and e.box = '') on conflict do nothing;
	perform date_runs(l.box, v_runs);
	perform refresh_lesson(r.school, r.lesson) from (select school, lesson from lesson_rows where box = l.box order by school, lesson) r;
	return v_count;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- forget_voided erases a pupil from what was voided, of one box or ('') of the whole school.
create function livelearn.forget_voided(p_school int, p_pupil text, p_box text) returns void
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_quoted text := to_json(p_pupil)::text;
begin
	update voided set author = 'erased', command = null, payload = null where school = p_school and author = p_pupil and p_box in ('', box);
	update voided set payload = forget(payload::text, array[p_pupil])::jsonb where school = p_school and strpos(payload::text, v_quoted) > 0 and p_box in ('', box);
	update voided_letters set letter = letter || '{"body": null, "text": ""}'
	where (letter ->> 'school')::int = p_school and p_box in ('', letter ->> 'box')
		and strpos(letter ->> 'body', encode(convert_to(v_quoted, 'UTF8'), 'hex')) > 0;
	if p_box = '' then
		delete from voided_asked where school = p_school and pupil = p_pupil;
	end if;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function livelearn.forget_voided_too() returns trigger
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	perform forget_voided(new.school, new.pupil, new.box);
	return null;
end $$;
-- +goose StatementEnd
create trigger forget_voided after insert on livelearn.erased for each row execute function livelearn.forget_voided_too();

select livelearn.forget_voided(school, pupil, box) from livelearn.erased;

-- +goose StatementBegin
-- retain_voided empties what was voided as retain_facts empties what counts.
create function livelearn.retain_voided(p_now timestamptz) returns void
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	with old as (
		select v.ctid from voided v
		join schools s on s.id = v.school
		left join anchors a on not v.trusted and a.school = v.school and a.box = v.box and a.boot = v.boot
		where v.payload is not null
			and case when v.trusted or a.boot is not null then corrected(v.wall, v.trusted, v.mono, a.wall, a.mono) else v.received end
				< p_now - make_interval(days => case when v.kind like 'chat.%' or v.kind like 'letter.%' then s.chat_days else s.results_days end))
	update voided v set payload = null, command = null, author = case when v.author is not null then 'erased' end
	from old o where v.ctid = o.ctid;

	update voided_letters l set letter = l.letter || '{"body": null, "text": ""}' from schools s
	where s.id = (l.letter ->> 'school')::int and l.letter ->> 'body' is not null
		and (l.letter ->> 'at')::timestamptz < p_now - make_interval(days =>
			case when l.letter ->> 'kind' like 'chat.%' or l.letter ->> 'kind' like 'letter.%' then s.chat_days else s.results_days end);
end $$;
-- +goose StatementEnd

alter function livelearn.retain rename to retain_facts;
-- +goose StatementBegin
-- retain empties what is older than its school keeps, and returns the number of facts. Those that were
-- voided do not count.
create function livelearn.retain(p_now timestamptz) returns bigint
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	perform retain_voided(p_now);
	return retain_facts(p_now);
end $$;
-- +goose StatementEnd

revoke all on function livelearn.await_erasures, livelearn.await_voids, livelearn.date_runs, livelearn.undo_void, livelearn.forget_voided, livelearn.forget_voided_too,
	livelearn.retain_voided, livelearn.retain from public;

-- +goose Down
drop function livelearn.retain, livelearn.retain_voided;
alter function livelearn.retain_facts rename to retain;
drop trigger forget_voided on livelearn.erased;
drop trigger await_voids on livelearn.erased;
drop function livelearn.forget_voided_too, livelearn.forget_voided, livelearn.undo_void;
drop view livelearn.voids;
create view livelearn.voids as
select s.name as school, v.box, min(v.received) as since, v.at, count(*) as facts
from livelearn.voided v join livelearn.schools s on s.id = v.school group by s.name, v.box, v.at;
comment on view livelearn.voids is 'What boxes said and no longer counts, by cloud revoke --since.';
grant select on livelearn.voids to livelearn_read;
-- +goose StatementBegin
create or replace function livelearn.void_box(p_box text, p_since timestamptz) returns bigint
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
drop function livelearn.date_runs, livelearn.await_erasures, livelearn.await_voids;
drop table livelearn.voided_asked, livelearn.voided_letters, livelearn.void_list;
