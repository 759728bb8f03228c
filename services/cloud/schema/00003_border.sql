-- The functions that a box calls, through the cloud or with its own login: state, ingest, pull.
-- A box login writes through these only.
--
-- Codes of their errors: LL001 revoked, LL002 unknown box, LL003 the watermark is elsewhere.

-- +goose Up

-- +goose StatementBegin
-- dead_of returns a dead letter in the form for boxes.
create function livelearn.dead_of(d livelearn.dead_letters) returns jsonb
	language sql stable set search_path = livelearn, pg_temp
	return jsonb_build_object('incarnation', (d).incarnation, 'pos', (d).pos, 'stream', (d).stream, 'epoch', (d).epoch, 'seq', (d).seq,
		'kind', (d).kind, 'code', (d).code, 'text', (d).text, 'at', floor(extract(epoch from (d).at) * 1000)::bigint);
-- +goose StatementEnd

-- +goose StatementBegin
create function livelearn.state(p_box text, p_incarnation bigint, p_name text, p_version text, p_format int, p_position bigint, p_dead int)
	returns jsonb
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
declare
	b boxes := admit(p_box);
	s schools;
	w watermarks;
begin
	update boxes set name = p_name, version = p_version, format = p_format, incarnation = p_incarnation, position = p_position, seen = now() where id = b.id;
	select * into s from schools where id = b.school;
	select * into w from watermarks where box = b.id and incarnation = p_incarnation;
	return jsonb_build_object(
		'known', w.box is not null, 'pos', coalesce(w.pos, 0), 'mark', coalesce(w.mark, 0),
		'school', s.name, 'policy', s.policy, 'down', s.down_n, 'time', floor(extract(epoch from now()) * 1000)::bigint,
		'dead', (select coalesce(jsonb_agg(dead_of(d) order by d.id), '[]') from
			(select * from dead_letters where box = b.id and resolved is null order by id limit p_dead) d),
		'others', (select coalesce(jsonb_agg(jsonb_build_object('incarnation', o.incarnation, 'pos', o.pos,
			'last', floor(extract(epoch from o.seen) * 1000)::bigint) order by o.seen), '[]')
			from watermarks o where o.box = b.id and o.incarnation <> p_incarnation),
		'twins', (select count(*) from boxes o where o.school = b.school and o.name = p_name and o.id <> b.id and o.revoked is null));
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
create function livelearn.pull(p_box text, p_since bigint, p_most int)
	returns table (n bigint, kind text, id text, version int, gone bool, data jsonb)
	language plpgsql stable security definer set search_path = livelearn, pg_temp as $$
#variable_conflict use_column
declare
	b boxes := admit(p_box);
begin
	return query select d.n, d.kind, d.id, d.version, d.gone, d.data from down d
		where d.school = b.school and d.n > p_since order by d.n limit p_most;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- store inserts facts and returns the number of new ones. It fails as a whole. It does not look
-- for facts that are new for sure, which saves a quarter of the time. It takes numbers by index,
-- because unnest copies each column to a tuple store, which pays off for texts only.
create function livelearn.store(
	p_school int, p_box text, p_incarnation bigint, p_new bool, p_skip bigint[],
	p_pos bigint[], p_stream text[], p_epoch bigint[], p_seq bigint[], p_kind text[], p_version int[], p_author text[], p_command text[],
	p_boot bigint[], p_mono bigint[], p_wall bigint[], p_trusted bool[], p_payload text[]) returns int
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	n int;
begin
	if p_new then
		insert into facts (epoch, seq, incarnation, pos, boot, mono, wall, school, version, trusted, stream, box, kind, author, command, payload)
		select p_epoch[o], p_seq[o], p_incarnation, p_pos[o], p_boot[o], p_mono[o], to_timestamp(p_wall[o]::float8 / 1000), p_school, p_version[o], p_trusted[o],
			u.stream, p_box, u.kind, nullif(u.author, ''), nullif(u.command, ''), nullif(u.payload, 'null')::jsonb
		from unnest(p_stream, p_kind, p_author, p_command, p_payload) with ordinality u (stream, kind, author, command, payload, o)
		where p_pos[o] <> all (p_skip);
	else
		insert into facts (epoch, seq, incarnation, pos, boot, mono, wall, school, version, trusted, stream, box, kind, author, command, payload)
		select p_epoch[o], p_seq[o], p_incarnation, p_pos[o], p_boot[o], p_mono[o], to_timestamp(p_wall[o]::float8 / 1000), p_school, p_version[o], p_trusted[o],
			u.stream, p_box, u.kind, nullif(u.author, ''), nullif(u.command, ''), nullif(u.payload, 'null')::jsonb
		from unnest(p_stream, p_kind, p_author, p_command, p_payload) with ordinality u (stream, kind, author, command, payload, o)
		where p_pos[o] <> all (p_skip)
		on conflict do nothing;
	end if;
	get diagnostics n = row_count;
	return n;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- bury makes a fact a dead letter and returns it, or null if it was settled before.
create function livelearn.bury(p_school int, p_box text, p_incarnation bigint, p_pos bigint, p_stream text, p_epoch bigint, p_seq bigint,
	p_kind text, p_boot bigint, p_mono bigint, p_code text, p_text text, p_body bytea) returns jsonb
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	d dead_letters;
begin
	insert into dead_letters as l (school, box, incarnation, pos, stream, epoch, seq, kind, boot, mono, code, text, body)
	values (p_school, p_box, p_incarnation, p_pos, p_stream, p_epoch, p_seq, p_kind, p_boot, p_mono, p_code, p_text, p_body)
	on conflict (school, stream, epoch, seq, boot, mono) do update
		set box = p_box, incarnation = p_incarnation, pos = p_pos, code = p_code, text = p_text, body = p_body, at = now()
		where l.resolved is null
	returning * into d;
	return case when d.id is not null then dead_of(d) end;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- taken returns the positions whose identity another fact has, or null if all facts are new for
-- sure. Only numbers up to the stream's highest can be taken, so a box that only appends pays
-- nothing.
create function livelearn.taken(p_school int, p_pos bigint[], p_stream text[], p_epoch bigint[], p_seq bigint[],
	p_boot bigint[], p_mono bigint[], p_wall bigint[]) returns bigint[]
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_old bool;
begin
	-- The lock on a stream's row orders two that write to it.
	with touched as (
		insert into streams as s (school, stream, epoch, top, before)
		select p_school, u.stream, u.epoch, max(u.seq), 0 from unnest(p_stream, p_epoch, p_seq) u (stream, epoch, seq)
		group by u.stream, u.epoch order by u.stream, u.epoch
		on conflict (school, stream, epoch) do update set before = s.top, top = greatest(s.top, excluded.top)
		returning s.stream, s.epoch, s.before)
	select bool_or(u.low <= t.before) into v_old
	from touched t join (select stream, epoch, min(seq) low from unnest(p_stream, p_epoch, p_seq) x (stream, epoch, seq) group by 1, 2) u
		using (stream, epoch);
	if not coalesce(v_old, false) then
		return null;
	end if;
	return array(
		select u.pos from unnest(p_pos, p_stream, p_epoch, p_seq, p_boot, p_mono, p_wall) u (pos, stream, epoch, seq, boot, mono, wall)
		join streams s on s.school = p_school and s.stream = u.stream and s.epoch = u.epoch and u.seq <= s.before
		where not exists (select from facts f where f.school = p_school and f.stream = u.stream and f.epoch = u.epoch and f.seq = u.seq
				and f.wall = case when u.wall between -62000000000000 and 200000000000000 then to_timestamp(u.wall::float8 / 1000) end
				and f.boot = u.boot and f.mono = u.mono)
			and exists (select from facts f where f.school = p_school and f.stream = u.stream and f.epoch = u.epoch and f.seq = u.seq));
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- body_of returns a fact as JSON, with its payload unchanged.
create function livelearn.body_of(p_pos bigint, p_stream text, p_epoch bigint, p_seq bigint, p_kind text, p_version int, p_author text, p_command text,
	p_boot bigint, p_mono bigint, p_wall bigint, p_trusted bool, p_payload text) returns bytea
	language sql immutable set search_path = livelearn, pg_temp
	return convert_to(format('{"pos":%s,"stream":%s,"epoch":%s,"seq":%s,"kind":%s,"version":%s,"by":%s,"id":%s,"boot":%s,"mono":%s,"wall":%s,"trusted":%s,"data":%s}',
		p_pos, to_json(p_stream), p_epoch, p_seq, to_json(p_kind), p_version, to_json(p_author), to_json(p_command), to_json((case when p_boot < 0 then p_boot + 18446744073709551616 else p_boot end)::text), p_mono, p_wall, p_trusted,
		p_payload), 'UTF8');
-- +goose StatementEnd

-- +goose StatementBegin
-- ingest stores a batch and moves the watermark. For a fact that cannot be sent as text, p_fault
-- has the reason and p_body the fact. Both are empty if the batch has none.
create function livelearn.ingest(
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
	-- The watermark, locked: one batch of an incarnation at a time.
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
		for m in
			select distinct date_trunc('month', to_timestamp(d * 86400.0)) from
				(select distinct w / 86400000 d from unnest(p_wall) w where w between 1767225600000 and 2429913599999) x
		loop
			perform ensure_month(m);
		end loop;

		-- Who is to be forgotten by this batch, or was before.
		if 'pupil.erased' = any (p_kind) then
			for i in select x from generate_subscripts(p_kind, 1) x where p_kind[x] = 'pupil.erased' loop
				begin
					g := p_payload[i]::jsonb ->> 'pupil';
					if nameable(g) then
						perform erase_pupil(b.school, g);
					end if;
				exception when data_exception then
					null; -- it becomes a dead letter below
				end;
			end loop;
		end if;
		v_gone := array(select e.pupil from erased e where e.school = b.school);
		if cardinality(v_gone) > 0 then
			g := mentions(v_gone);
			select array_agg(case when u.a = any (v_gone) then 'erased' else u.a end order by u.o),
				array_agg(case when u.a = any (v_gone) then '' else u.c end order by u.o),
				array_agg(case when u.a = any (v_gone) then 'null' when u.p ~ g then coalesce(forget(u.p, v_gone), 'null') else u.p end order by u.o)
			into p_author, p_command, p_payload
			from unnest(p_author, p_command, p_payload) with ordinality u (a, c, p, o);
		end if;

		-- Facts that cannot be sent as text, and those whose identity is taken.
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

		-- All of them; else by halves, until exactly those are left that Postgres refuses.
		v_todo := array[1, n];
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
				v_new := false; -- a box that gives a number twice in one batch
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

		-- The first anchor of a run of the program is the nearest to what it corrects.
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
			exception when unique_violation then
				if not v_new then
					raise;
				end if;
				v_new := false; -- a box that gives a number twice in one batch
				v_todo := v_todo || array[lo, hi];
			when data_exception or integrity_constraint_violation then
				null; -- an anchor that says nothing corrects nothing
			end;
		end if;

		-- What was a dead letter and is a fact now.
		if p_again then
			update dead_letters d set resolved = now(), how = 'stored', body = null
			from unnest(p_pos, p_stream, p_epoch, p_seq, p_boot, p_mono) u (pos, stream, epoch, seq, boot, mono)
			where d.school = b.school and d.stream = u.stream and d.epoch = u.epoch and d.seq = u.seq and d.boot = u.boot and d.mono = u.mono
				and d.resolved is null and u.pos <> all (v_skip);
		end if;
	end if;

	dead := coalesce((select jsonb_agg(l) from unnest(v_letters) l where l is not null), '[]');
	if not p_again then
		update watermarks w set pos = p_to, mark = p_mark, facts = w.facts + stored, seen = now() where w.box = b.id and w.incarnation = p_incarnation;
	end if;
end $$;
-- +goose StatementEnd

-- +goose Down
drop function livelearn.ingest, livelearn.body_of, livelearn.taken, livelearn.bury, livelearn.store, livelearn.pull, livelearn.state, livelearn.dead_of;
