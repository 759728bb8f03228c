-- The triggers that keep the tables of 00010 up to date, and the rebuild.

-- +goose Up

-- +goose StatementBegin
-- read_list adds what a class list says that the lists before it did not.
create function livelearn.read_list(f livelearn.facts) returns void
	language plpgsql set search_path = livelearn, pg_temp set enable_seqscan = off as $$
declare
	v_class text := f.payload ->> 'class';
	v_gone bool := yes(f.payload -> 'gone');
	v_new text[];
begin
	if f.stream <> 'report@' || f.box or jsonb_typeof(f.payload -> 'pupils') is distinct from 'array' or coalesce(length(v_class), 0) not between 1 and 255
		or not owned(f.school, 'class', v_class, f.box) then
		return;
	end if;
	insert into class_rows (school, box, class, epoch, seq, wall, name, source, gone)
	values (f.school, f.box, v_class, f.epoch, f.seq, f.wall, coalesce(f.payload ->> 'name', ''), coalesce(left(f.payload ->> 'source', 255), ''), v_gone)
	on conflict do nothing;
	update class_rows c set newest = not exists (select from class_rows n where n.school = c.school and n.box = c.box and n.class = c.class and (n.epoch, n.seq) > (c.epoch, c.seq))
	where c.school = f.school and c.box = f.box and c.class = v_class and c.newest;
	update lesson_rows l set class_name = coalesce(f.payload ->> 'name', '') where l.school = f.school and l.class = v_class and l.class_name = '';
	with listed as (
		select distinct on (p ->> 'id') p ->> 'id' as pupil, coalesce(p ->> 'name', '') as name, coalesce(left(p ->> 'source', 255), '') as source
		from jsonb_array_elements(f.payload -> 'pupils') p where not v_gone and length(p ->> 'id') between 1 and 255 order by p ->> 'id'),
	known as (
		select distinct on (n.pupil) n.* from name_rows n where n.school = f.school and n.box = f.box and n.class = v_class and (n.epoch, n.seq) < (f.epoch, f.seq)
		order by n.pupil, n.epoch desc, n.seq desc),
	added as (
		insert into name_rows (school, box, class, pupil, epoch, seq, name, source, listed)
		select f.school, f.box, v_class, coalesce(p.pupil, k.pupil), f.epoch, f.seq, coalesce(p.name, k.name), coalesce(p.source, k.source), p.pupil is not null
		from listed p full join known k on k.pupil = p.pupil
		where (p.pupil is not null, coalesce(p.name, k.name), coalesce(p.source, k.source)) is distinct from (coalesce(k.listed, false), k.name, k.source)
			and (p.pupil is not null or k.listed)
		on conflict do nothing returning pupil, name, source, listed),
	called as (
		insert into people as x (school, box, pupil, name, source) select f.school, f.box, a.pupil, a.name, a.source from added a where a.listed
		on conflict (school, box, pupil) do update set name = excluded.name, source = case when excluded.source <> '' then excluded.source else x.source end
		returning x.pupil, x.name)
	select array_agg(c.pupil) into v_new from called c
	where exists (select from mark_rows m where m.school = f.school and m.pupil = c.pupil and m.box = f.box and m.name is null);
	if v_new is not null then
		update mark_rows m set name = p.name from people p
		where m.school = f.school and m.pupil = any (v_new) and m.box = f.box and m.name is null and p.school = f.school and p.box = f.box and p.pupil = m.pupil;
	end if;
end $$;

-- refresh_class makes the rows of a class of a box again from its lists.
create function livelearn.refresh_class(p_school int, p_box text, p_class text) returns void
	language plpgsql set search_path = livelearn, pg_temp set enable_seqscan = off as $$
declare
	v_known text[];
	f facts;
begin
	v_known := array(select distinct n.pupil from name_rows n where n.school = p_school and n.box = p_box and n.class = p_class);
	delete from name_rows n where n.school = p_school and n.box = p_box and n.class = p_class;
	delete from class_rows n where n.school = p_school and n.box = p_box and n.class = p_class;
	for f in select x.* from facts x where x.school = p_school and x.kind = 'class.listed' and x.stream = 'report@' || p_box and x.payload ->> 'class' = p_class
		order by x.epoch, x.seq
	loop
		perform read_list(f);
	end loop;
	delete from people p where p.school = p_school and p.box = p_box and p.pupil = any (v_known)
		and not exists (select from name_rows n where n.school = p_school and n.box = p_box and n.pupil = p.pupil);
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- derive brings the tables up to date after a change of a fact. A malformed fact changes nothing.
create function livelearn.derive() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp set timezone = 'UTC' set jit = off as $$
begin
	begin
		if tg_op <> 'INSERT' then
			if old.kind = 'class.listed' then
				perform refresh_class(old.school, old.box, old.payload ->> 'class');
			elsif tg_op = 'DELETE' or old.payload ->> 'lesson' is distinct from new.payload ->> 'lesson' then
				perform refresh_lesson(old.school, old.payload ->> 'lesson');
			end if;
			if old.kind = 'lesson.graded' and tg_op = 'DELETE' then
				delete from arrivals where school = old.school and stream = old.stream and epoch = old.epoch and seq = old.seq;
			elsif old.kind = 'lesson.graded' then
				update arrivals set lesson = coalesce(left(new.payload ->> 'lesson', 255), ''), pupils = graded_pupils(new.payload)
				where school = new.school and stream = new.stream and epoch = new.epoch and seq = new.seq;
			end if;
		end if;
		if tg_op <> 'DELETE' and new.kind <> 'class.listed' then
			perform refresh_lesson(new.school, new.payload ->> 'lesson');
		elsif tg_op = 'INSERT' then
			perform read_list(new);
		end if;
	exception when data_exception or program_limit_exceeded then
		raise warning 'a fact was not read: %', sqlerrm;
	end;
	return null;
end $$;

-- arrive gives a grading its place in the order of commits. It runs at the commit.
create function livelearn.arrive() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
declare
	v_stored timestamptz;
	v_payload jsonb;
begin
	select f.payload into v_payload from facts f where f.school = new.school and f.stream = new.stream and f.epoch = new.epoch and f.seq = new.seq and f.wall = new.wall;
	update last_arrival set stored = greatest(clock_timestamp(), stored + interval '1 microsecond') returning stored into v_stored;
	insert into arrivals (stored, school, stream, epoch, seq, wall, lesson, pupils, prefix)
	values (v_stored, new.school, new.stream, new.epoch, new.seq, new.wall, coalesce(left(v_payload ->> 'lesson', 255), ''), graded_pupils(v_payload),
		prefix_of(new.school, new.stream, new.epoch, new.seq))
	on conflict do nothing;
	update lesson_rows l set received = v_stored where l.school = new.school and l.lesson = v_payload ->> 'lesson'
		and l.g_stream = new.stream and l.g_epoch = new.epoch and l.g_seq = new.seq;
	return null;
end $$;

-- date_lessons corrects the times of lessons when an anchor arrives.
create function livelearn.date_lessons() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
begin
	perform refresh_lesson(l.school, l.lesson) from lesson_rows l where l.school = new.school and l.box = new.box and l.undated;
	return null;
end $$;

-- rebuild makes the tables of a school again, at most p_most lessons after p_after. It returns the
-- last lesson, or null after the last one. The first call also reads the class lists.
create function livelearn.rebuild(p_school int, p_after text, p_most int) returns text
	language plpgsql set search_path = livelearn, pg_temp set timezone = 'UTC' set enable_seqscan = off set jit = off as $$
declare
	v_list text[];
begin
	if p_after = '' then
		perform refresh_class(p_school, c.box, c.class) from (
			select distinct f.box, f.payload ->> 'class' as class from facts f where f.school = p_school and f.kind = 'class.listed'
			union select box, class from class_rows where school = p_school order by 1, 2) c where c.class is not null;
		delete from people p where p.school = p_school and not exists (select from name_rows n where n.school = p.school and n.box = p.box and n.pupil = p.pupil);
		insert into arrivals (stored, school, stream, epoch, seq, wall, lesson, pupils, prefix, old)
		select f.received, f.school, f.stream, f.epoch, f.seq, f.wall, coalesce(left(f.payload ->> 'lesson', 255), ''), graded_pupils(f.payload),
			prefix_of(f.school, f.stream, f.epoch, f.seq), true
		from facts f where f.school = p_school and f.kind = 'lesson.graded' on conflict do nothing;
	end if;
	v_list := array(select x.id from (select w.id from owners w where w.school = p_school and w.what = 'lesson' and w.id > p_after
		union select l.lesson from lesson_rows l where l.school = p_school and l.lesson > p_after) x order by x.id limit p_most);
	perform refresh_lesson(p_school, id) from unnest(v_list) id;
	return v_list[cardinality(v_list)];
end $$;
-- +goose StatementEnd

insert into livelearn.last_arrival (stored) values (now());

-- +goose StatementBegin
do $$
declare
	s int;
	v_after text;
begin
	for s in select id from livelearn.schools order by id loop
		v_after := '';
		while v_after is not null loop
			v_after := livelearn.rebuild(s, v_after, 1000);
		end loop;
	end loop;
end $$;
-- +goose StatementEnd

create trigger derive_new after insert on livelearn.facts for each row
	when (new.kind in ('lesson.started', 'lesson.ended', 'lesson.graded', 'class.listed')) execute function livelearn.derive();
create trigger derive_changed after update on livelearn.facts for each row
	when (old.kind in ('lesson.started', 'lesson.ended', 'lesson.graded', 'class.listed') and old.payload is distinct from new.payload) execute function livelearn.derive();
create trigger derive_gone after delete on livelearn.facts for each row
	when (old.kind in ('lesson.started', 'lesson.ended', 'lesson.graded', 'class.listed')) execute function livelearn.derive();
create constraint trigger arrive after insert on livelearn.facts deferrable initially deferred for each row
	when (new.kind = 'lesson.graded') execute function livelearn.arrive();
create trigger date_lessons after insert or update on livelearn.anchors for each row execute function livelearn.date_lessons();

revoke all on function livelearn.read_list, livelearn.refresh_class, livelearn.derive, livelearn.arrive, livelearn.date_lessons, livelearn.rebuild,
	livelearn.refresh_lesson, livelearn.newest_grading, livelearn.mark_lesson, livelearn.class_name_at, livelearn.name_at, livelearn.owned,
	livelearn.statement_id, livelearn.prefix_of from public;

-- +goose Down
drop trigger date_lessons on livelearn.anchors;
drop trigger arrive on livelearn.facts;
drop trigger derive_gone on livelearn.facts;
drop trigger derive_changed on livelearn.facts;
drop trigger derive_new on livelearn.facts;
drop function livelearn.rebuild, livelearn.date_lessons, livelearn.arrive, livelearn.derive, livelearn.refresh_class, livelearn.read_list;
