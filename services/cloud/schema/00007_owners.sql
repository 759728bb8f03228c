-- Owners. A login of one box must not speak for another, so ingest checks the ids that each fact
-- names. A room, a lesson and a class belong to the box that named them first. A fact of another
-- box about them becomes a dead letter with the code "foreign". A stream box@<id> belongs to
-- that box. The ids have 64 random bits, so two boxes never choose the same one.
--
-- A pupil may be on several boxes, so pupils have no owner. An erasure that a box reports applies
-- to the facts of that box. See erasure_scope.

-- +goose Up
create table livelearn.owners (
	school int not null,
	what   text collate "C" not null, -- 'room', 'lesson' or 'class'
	id     text collate "C" not null,
	box    text collate "C" not null,
	primary key (school, what, id)
);

-- The scope of an erasure: the id of one box, or '' for the whole school.
alter table livelearn.erased add column box text collate "C" not null default '';
alter table livelearn.erased drop constraint erased_pkey, add primary key (school, pupil, box);

alter table livelearn.down add column box text collate "C"; -- null means all boxes
alter policy own on livelearn.down using (school = (select b.school from livelearn.boxes b) and (box is null or box = (select livelearn.my_box())));

-- Two boxes that name one identity get a letter each.
alter table livelearn.dead_letters drop constraint dead_letters_school_stream_epoch_seq_boot_mono_key;
alter table livelearn.dead_letters add unique (school, box, stream, epoch, seq, boot, mono);

-- +goose StatementBegin
-- claims returns the ids in a payload that belong to one box only.
create function livelearn.claims(p_kind text, p_payload text) returns table (what text, id text)
	language plpgsql immutable set search_path = livelearn, pg_temp as $$
declare
	j jsonb;
begin
	j := p_payload::jsonb;
	return query select c.what, j ->> c.what
		from (values ('lesson', p_kind like 'lesson.%'), ('class', p_kind in ('lesson.graded', 'class.listed'))) c (what, has)
		where c.has and length(j ->> c.what) between 1 and 255;
exception when data_exception or program_limit_exceeded then
	return; -- the fact becomes a dead letter
end $$;
-- +goose StatementEnd

-- Existing ids belong to the box that named them first. The start of a lesson counts before its
-- grades, because any login could write grades until now.
insert into livelearn.owners (school, what, id, box)
select distinct on (school, stream) school, 'room', stream, box from livelearn.facts
where stream like 'room:%' order by school, stream, received, pos;

insert into livelearn.owners (school, what, id, box)
select distinct on (f.school, c.what, c.id) f.school, c.what, c.id, f.box
from livelearn.facts f, livelearn.claims(f.kind, f.payload::text) c
where f.kind in ('lesson.started', 'lesson.graded', 'class.listed')
order by f.school, c.what, c.id, f.kind = 'lesson.graded', f.received, f.pos;

-- +goose StatementBegin
-- foreign_facts claims the ids of a batch for its box. It returns the facts that name an id of
-- another box. It skips facts that the database has already, because a box that lost its id and
-- kept its journal sends those again.
create function livelearn.foreign_facts(p_school int, p_box text, p_stream text[], p_epoch bigint[], p_seq bigint[], p_kind text[],
	p_boot bigint[], p_mono bigint[], p_payload text[]) returns table (place int, why text)
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_streams text[];
begin
	-- Sorted, so that two boxes that claim the same ids wait for each other without a deadlock.
	insert into owners (school, what, id, box)
	select distinct p_school, 'room', s, p_box from unnest(p_stream) s where s like 'room:%' and length(s) <= 255 order by s
	on conflict do nothing;
	v_streams := array(select s from (select distinct s from unnest(p_stream) s) d where not coalesce(case when s like 'room:%'
		then exists (select from owners w where w.school = p_school and w.what = 'room' and w.id = s and w.box = p_box)
		else strpos(s, '@') > 0 and substr(s, strpos(s, '@') + 1) = p_box end, false));
	insert into owners (school, what, id, box)
	select distinct p_school, c.what, c.id, p_box from unnest(p_stream, p_kind, p_payload) u (stream, kind, payload), claims(u.kind, u.payload) c
	where (u.kind like 'lesson.%' or u.kind = 'class.listed') and u.stream <> all (v_streams) order by c.what, c.id
	on conflict do nothing;
	return query
	select distinct on (x.o) x.o::int, x.named || ' belongs to another box' from (
		select u.o, 'stream ' || u.s as named from unnest(p_stream) with ordinality u (s, o) where u.s = any (v_streams)
		union all
		select u.o, c.what || ' ' || c.id from unnest(p_kind, p_payload) with ordinality u (kind, payload, o), claims(u.kind, u.payload) c, owners w
		where (u.kind like 'lesson.%' or u.kind = 'class.listed') and w.school = p_school and w.what = c.what and w.id = c.id and w.box <> p_box) x
	where not exists (select from facts f where f.school = p_school and f.stream = p_stream[x.o] and f.epoch = p_epoch[x.o] and f.seq = p_seq[x.o]
		and f.boot = p_boot[x.o] and f.mono = p_mono[x.o] and f.payload is not distinct from nullif(forget(p_payload[x.o], '{}'), 'null')::jsonb)
	order by x.o;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- sources returns the school's own ids of a pupil in a class list.
create function livelearn.sources(p_payload text, p_pupil text) returns text[]
	language plpgsql immutable set search_path = livelearn, pg_temp as $$
begin
	return array(select e ->> 'source' from jsonb_path_query(p_payload::jsonb, '$.pupils[*]') e where e ->> 'id' = p_pupil and e ->> 'source' <> '');
exception when data_exception or program_limit_exceeded then
	return '{}';
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- erasure_scope returns the scope of an erasure that a box reports: the box's own facts (its id),
-- the whole school (''), or nothing (null).
--   - All: another box has the pupil with the same id and with the same id in the school's list.
--     So the lists of both boxes agree that it is one child.
--   - Nothing: facts of another box name the pupil, and no fact of this box does.
create function livelearn.erasure_scope(p_school int, p_box text, p_pupil text, p_kind text[], p_author text[], p_payload text[], p_foreign int[]) returns text
	language plpgsql stable set search_path = livelearn, pg_temp as $$
declare
	v_quoted text := to_json(p_pupil)::text;
	v_sources text[];
begin
	v_sources := array(
		select unnest(sources(u.payload, p_pupil)) from unnest(p_kind, p_payload) u (kind, payload) where u.kind = 'class.listed' and strpos(u.payload, v_quoted) > 0
		union
		select unnest(sources(f.payload::text, p_pupil)) from facts f where f.school = p_school and f.kind = 'class.listed' and f.box = p_box);
	if exists (select from facts f where f.school = p_school and f.kind = 'class.listed' and f.box <> p_box and sources(f.payload::text, p_pupil) && v_sources) then
		return '';
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

drop function livelearn.erase_pupil(int, text);

-- +goose StatementBegin
-- erase_pupil forgets a pupil of a school and adds an item for its boxes. With a box, it erases
-- the facts of that box only and adds the item for that box only. It returns false if the pupil
-- was erased before.
create function livelearn.erase_pupil(p_school int, p_pupil text, p_box text default '') returns bool
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_gone text[] := array[p_pupil];
	v_quoted text := to_json(p_pupil)::text;
	v_id text := p_pupil || case when p_box = '' then '' else '@' || p_box end;
	v_item record;
begin
	insert into erased (school, pupil, box) values (p_school, p_pupil, p_box) on conflict do nothing;
	if not found then
		return false;
	end if;
	-- A class list of the school has its own ids, and the box's list maps them. When one box erases a
	-- pupil, a pupil who is also on another box stays on the list.
	for v_item in
		select d.id, forget(d.data::text, v_gone || array(
			select e from facts f, unnest(sources(f.payload::text, p_pupil)) e
			where f.school = p_school and f.kind = 'class.listed' and (p_box = '' or f.box = p_box and not exists (
				select from facts o, jsonb_path_query(o.payload, '$.pupils[*]') x
				where o.school = p_school and o.kind = 'class.listed' and o.box <> p_box and x ->> 'source' = e)))) as data, d.data::text as before
		from down d where d.school = p_school and d.kind = 'class' and d.data is not null
	loop
		if v_item.data::jsonb <> v_item.before::jsonb then
			perform put_item(p_school, 'class', v_item.id, v_item.data::jsonb, (select gone from down where school = p_school and kind = 'class' and id = v_item.id));
		end if;
	end loop;
	update facts set author = 'erased', command = null, payload = null where school = p_school and author = p_pupil and p_box in ('', box);
	update facts set payload = forget(payload::text, v_gone)::jsonb where school = p_school and strpos(payload::text, v_quoted) > 0 and p_box in ('', box);
	update dead_letters set body = null, text = '' where school = p_school and position(convert_to(v_quoted, 'UTF8') in body) > 0 and p_box in ('', box);
	perform put_item(p_school, 'erasure', v_id, jsonb_build_object('pupil', p_pupil), false);
	update down set box = nullif(p_box, '') where school = p_school and kind = 'erasure' and id = v_id;
	return true;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function livelearn.pull(p_box text, p_since bigint, p_most int)
	returns table (n bigint, kind text, id text, version int, gone bool, data jsonb)
	language plpgsql stable security definer set search_path = livelearn, pg_temp as $$
#variable_conflict use_column
declare
	b boxes := admit(p_box);
begin
	return query select d.n, d.kind, d.id, d.version, d.gone, d.data from down d
		where d.school = b.school and d.n > p_since and (d.box is null or d.box = b.id) order by d.n limit p_most;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create or replace function livelearn.bury(p_school int, p_box text, p_incarnation bigint, p_pos bigint, p_stream text, p_epoch bigint, p_seq bigint,
	p_kind text, p_boot bigint, p_mono bigint, p_code text, p_text text, p_body bytea) returns jsonb
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	d dead_letters;
begin
	insert into dead_letters as l (school, box, incarnation, pos, stream, epoch, seq, kind, boot, mono, code, text, body)
	values (p_school, p_box, p_incarnation, p_pos, p_stream, p_epoch, p_seq, p_kind, p_boot, p_mono, p_code, p_text, p_body)
	on conflict (school, box, stream, epoch, seq, boot, mono) do update
		set incarnation = p_incarnation, pos = p_pos, code = p_code, text = p_text, body = p_body, at = now()
		where l.resolved is null
	returning * into d;
	return case when d.id is not null then dead_of(d) end;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- ingest stores a batch and moves the watermark. Facts that name an id of another box become dead
-- letters, and so do facts that Postgres refuses. For a fact that cannot be sent as text, p_fault
-- has the reason and p_body the fact. Both are empty if the batch has none.
create or replace function livelearn.ingest(
	p_box text, p_incarnation bigint, p_from bigint, p_to bigint, p_mark bigint, p_again bool,
	p_pos bigint[], p_stream text[], p_epoch bigint[], p_seq bigint[], p_kind text[], p_version int[], p_author text[], p_command text[],
	p_boot bigint[], p_mono bigint[], p_wall bigint[], p_trusted bool[], p_payload text[], p_fault text[], p_body bytea[],
	out pos bigint, out stored int, out dead jsonb)
	language plpgsql security definer set search_path = livelearn, pg_temp set timezone = 'UTC' as $$
#variable_conflict use_column
declare
	b boxes := admit(p_box);
	n int := coalesce(cardinality(p_pos), 0);
	v_pos bigint;
	v_skip bigint[] := '{}';
	v_taken bigint[];
	v_todo int[];
	v_gone text[];
	v_at int[]; -- facts that name an id of another box, and why
	v_why text[];
	v_scope text;
	v_letters jsonb[] := '{}';
	v_code text;
	v_text text;
	v_detail text;
	v_new bool;
	lo int;
	hi int;
	i int;
	m timestamptz;
	g text;
begin
	-- The lock on the watermark orders the batches of an incarnation.
	if p_from = 0 and not p_again then
		insert into watermarks (box, incarnation) values (b.id, p_incarnation) on conflict do nothing;
	end if;
	select w.pos into v_pos from watermarks w where w.box = b.id and w.incarnation = p_incarnation for update;
	if not p_again and v_pos is distinct from p_from then
		raise exception 'the watermark is at %, not at %', coalesce(v_pos, 0), p_from using errcode = 'LL003';
	end if;
	pos := case when p_again then coalesce(v_pos, 0) else p_to end;
	stored := 0;

	if n > 0 then
		-- Arrays with other bounds would give slices of different facts.
		if exists (select from unnest(array[array_dims(p_pos), array_dims(p_stream), array_dims(p_epoch), array_dims(p_seq), array_dims(p_kind),
				array_dims(p_version), array_dims(p_author), array_dims(p_command), array_dims(p_boot), array_dims(p_mono), array_dims(p_wall),
				array_dims(p_trusted), array_dims(p_payload)]) d where d is distinct from format('[1:%s]', n)) then
			raise exception 'the columns of the batch are not all of % facts', n using errcode = '22023';
		end if;
		for m in
			select distinct date_trunc('month', to_timestamp(d * 86400.0)) from
				(select distinct w / 86400000 d from unnest(p_wall) w where w between 1767225600000 and 2429913599999) x
		loop
			perform ensure_month(m);
		end loop;

		-- Facts that name an id of another box.
		select coalesce(array_agg(x.place), '{}'), coalesce(array_agg(x.why), '{}') into v_at, v_why
		from foreign_facts(b.school, b.id, p_stream, p_epoch, p_seq, p_kind, p_boot, p_mono, p_payload) x;

		-- Pupils to forget: erased by this batch or before.
		if 'pupil.erased' = any (p_kind) then
			for i in select x from generate_subscripts(p_kind, 1) x where p_kind[x] = 'pupil.erased' and x <> all (v_at) loop
				begin
					g := p_payload[i]::jsonb ->> 'pupil';
					if nameable(g) and not exists (select from erased e where e.school = b.school and e.pupil = g and e.box in ('', b.id)) then
						v_scope := erasure_scope(b.school, b.id, g, p_kind, p_author, p_payload, v_at);
						if v_scope is null then
							v_at := v_at || i;
							v_why := v_why || format('pupil %s belongs to another box', g);
						else
							perform erase_pupil(b.school, g, v_scope);
						end if;
					end if;
				exception when data_exception then
					null; -- it becomes a dead letter below
				end;
			end loop;
		end if;
		v_gone := array(select e.pupil from erased e where e.school = b.school and e.box in ('', b.id));
		if cardinality(v_gone) > 0 then
			g := mentions(v_gone);
			select array_agg(case when u.a = any (v_gone) then 'erased' else u.a end order by u.o),
				array_agg(case when u.a = any (v_gone) then '' else u.c end order by u.o),
				array_agg(case when u.a = any (v_gone) then 'null' when u.p ~ g then coalesce(forget(u.p, v_gone), 'null') else u.p end order by u.o)
			into p_author, p_command, p_payload
			from unnest(p_author, p_command, p_payload) with ordinality u (a, c, p, o);
		end if;

		for i in select generate_subscripts(v_at, 1) loop
			lo := v_at[i];
			v_letters := v_letters || bury(b.school, b.id, p_incarnation, p_pos[lo], p_stream[lo], p_epoch[lo], p_seq[lo], p_kind[lo], p_boot[lo], p_mono[lo],
				'foreign', v_why[i], coalesce(p_body[lo], body_of(p_pos[lo], p_stream[lo], p_epoch[lo], p_seq[lo], p_kind[lo], p_version[lo],
				p_author[lo], p_command[lo], p_boot[lo], p_mono[lo], p_wall[lo], p_trusted[lo], p_payload[lo])));
		end loop;
		if cardinality(v_at) > 0 then
			select array_agg(p_pos[o]), array_agg(p_stream[o]), array_agg(p_epoch[o]), array_agg(p_seq[o]), array_agg(p_kind[o]), array_agg(p_version[o]),
				array_agg(p_author[o]), array_agg(p_command[o]), array_agg(p_boot[o]), array_agg(p_mono[o]), array_agg(p_wall[o]), array_agg(p_trusted[o]),
				array_agg(p_payload[o]), array_agg(p_fault[o]), array_agg(p_body[o])
			into p_pos, p_stream, p_epoch, p_seq, p_kind, p_version, p_author, p_command, p_boot, p_mono, p_wall, p_trusted, p_payload, p_fault, p_body
			from (select o from generate_series(1, n) o where o <> all (v_at) order by o) x;
			n := coalesce(cardinality(p_pos), 0);
		end if;

		-- Facts that cannot be sent as text, and facts whose identity is taken.
		for i in select x from generate_subscripts(p_fault, 1) x where p_fault[x] is not null loop
			v_skip := v_skip || p_pos[i];
			v_letters := v_letters || bury(b.school, b.id, p_incarnation, p_pos[i], p_stream[i], p_epoch[i], p_seq[i], p_kind[i], p_boot[i], p_mono[i],
				'22021', p_fault[i], case when p_author[i] is distinct from 'erased' then p_body[i] end);
		end loop;
		v_taken := taken(b.school, p_pos, p_stream, p_epoch, p_seq, p_boot, p_mono, p_wall);
		v_new := v_taken is null;
		for i in select x from unnest(v_taken) t join
				generate_subscripts(p_pos, 1) x on p_pos[x] = t where t <> all (v_skip) loop
			v_skip := v_skip || p_pos[i];
			v_letters := v_letters || bury(b.school, b.id, p_incarnation, p_pos[i], p_stream[i], p_epoch[i], p_seq[i], p_kind[i], p_boot[i], p_mono[i],
				'forked', 'another fact has its identity', body_of(p_pos[i], p_stream[i], p_epoch[i], p_seq[i], p_kind[i], p_version[i],
				p_author[i], p_command[i], p_boot[i], p_mono[i], p_wall[i], p_trusted[i], p_payload[i]));
		end loop;

		-- Store all facts. If that fails, split in halves until exactly the refused facts are left.
		v_todo := case when n > 0 then array[1, n] else '{}' end;
		while cardinality(v_todo) > 0 loop
			lo := v_todo[cardinality(v_todo) - 1];
			hi := v_todo[cardinality(v_todo)];
			v_todo := v_todo[1:cardinality(v_todo) - 2];
			begin
				if lo = 1 and hi = n then
					stored := stored + store(b.school, b.id, p_incarnation, v_new, v_skip, p_pos, p_stream, p_epoch, p_seq, p_kind, p_version,
						p_author, p_command, p_boot, p_mono, p_wall, p_trusted, p_payload);
				else
					stored := stored + store(b.school, b.id, p_incarnation, v_new, v_skip, p_pos[lo:hi], p_stream[lo:hi], p_epoch[lo:hi], p_seq[lo:hi],
						p_kind[lo:hi], p_version[lo:hi], p_author[lo:hi], p_command[lo:hi], p_boot[lo:hi], p_mono[lo:hi], p_wall[lo:hi],
						p_trusted[lo:hi], p_payload[lo:hi]);
				end if;
			exception when unique_violation then
				if not v_new then
					raise;
				end if;
				v_new := false; -- the box used a number twice in one batch
				v_todo := v_todo || array[lo, hi];
			when data_exception or integrity_constraint_violation or program_limit_exceeded then
				get stacked diagnostics v_code = returned_sqlstate, v_text = message_text, v_detail = pg_exception_detail;
				if lo < hi then
					v_todo := v_todo || array[(lo + hi) / 2 + 1, hi, lo, (lo + hi) / 2];
				else
					v_skip := v_skip || p_pos[lo];
					v_letters := v_letters || bury(b.school, b.id, p_incarnation, p_pos[lo], p_stream[lo], p_epoch[lo], p_seq[lo], p_kind[lo],
						p_boot[lo], p_mono[lo], v_code, concat_ws(': ', v_text, nullif(v_detail, '')),
						body_of(p_pos[lo], p_stream[lo], p_epoch[lo], p_seq[lo], p_kind[lo], p_version[lo],
						p_author[lo], p_command[lo], p_boot[lo], p_mono[lo], p_wall[lo], p_trusted[lo], p_payload[lo]));
				end if;
			end;
		end loop;

		-- Of the anchors of a run, the first is the nearest to the times that it corrects.
		if 'time.anchored' = any (p_kind) then
			begin
				insert into anchors as a (school, box, boot, mono, wall)
				select distinct on (bits(f.payload ->> 'boot')) b.school, b.id, bits(f.payload ->> 'boot'), (f.payload ->> 'mono')::bigint, (f.payload ->> 'wall')::bigint
				from facts f join unnest(p_stream, p_epoch, p_seq, p_kind) u (stream, epoch, seq, kind)
					on f.stream = u.stream and f.epoch = u.epoch and f.seq = u.seq
				where u.kind = 'time.anchored' and f.school = b.school and f.kind = 'time.anchored' and f.payload ->> 'boot' is not null
					and (f.payload ->> 'mono')::bigint between 0 and 100000000000000 and (f.payload ->> 'wall')::bigint between 0 and 100000000000000
				order by bits(f.payload ->> 'boot'), (f.payload ->> 'mono')::bigint
				on conflict (school, box, boot) do update set mono = excluded.mono, wall = excluded.wall where excluded.mono < a.mono;
			exception when data_exception or integrity_constraint_violation then
				null; -- a malformed anchor corrects nothing
			end;
		end if;

		-- Dead letters whose facts are stored now.
		if p_again then
			update dead_letters d set resolved = now(), how = 'stored', body = null
			from unnest(p_pos, p_stream, p_epoch, p_seq, p_boot, p_mono) u (pos, stream, epoch, seq, boot, mono)
			where d.school = b.school and d.box = b.id and d.stream = u.stream and d.epoch = u.epoch and d.seq = u.seq and d.boot = u.boot and d.mono = u.mono
				and d.resolved is null and u.pos <> all (v_skip);
		end if;
	end if;

	dead := coalesce((select jsonb_agg(l) from unnest(v_letters) l where l is not null), '[]');
	if not p_again then
		update watermarks w set pos = p_to, mark = p_mark, facts = w.facts + stored, seen = now() where w.box = b.id and w.incarnation = p_incarnation;
	end if;
end $$;
-- +goose StatementEnd

revoke all on function livelearn.claims, livelearn.foreign_facts, livelearn.sources, livelearn.erasure_scope, livelearn.erase_pupil from public;
