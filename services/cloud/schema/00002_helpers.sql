-- Small functions that other functions use. Functions with the owner's rights set their
-- search_path, so that a caller cannot substitute a table.

-- +goose Up

-- +goose StatementBegin
create function livelearn.stamp(ms bigint) returns timestamptz
	language sql immutable parallel safe return to_timestamp(ms::float8 / 1000);

-- These read a value of a payload, or null if it is malformed. One bad fact must not break a view.
create function livelearn.whole(j jsonb) returns bigint
	language sql immutable parallel safe
	return case when jsonb_typeof(j) = 'number' then case when abs(j::numeric) < 100000000000000 then j::numeric::bigint end end;

create function livelearn.real(j jsonb) returns float8
	language sql immutable parallel safe
	return case when jsonb_typeof(j) = 'number' then case when abs(j::numeric) < 100000000000000 then j::float8 end end;

create function livelearn.yes(j jsonb) returns bool
	language sql immutable parallel safe return coalesce(j = 'true', false);

-- corrected returns the time of a fact: by the box's clock if that was right, else by the anchor
-- of the same run.
create function livelearn.corrected(wall timestamptz, trusted bool, mono bigint, anchor_wall bigint, anchor_mono bigint) returns timestamptz
	language sql immutable parallel safe
	return case when not trusted and anchor_wall is not null and mono between 0 and 100000000000000
		then to_timestamp((anchor_wall - (anchor_mono - mono))::float8 / 1000) else wall end;

create function livelearn.bits(text) returns bigint
	language sql immutable strict parallel safe
	return case when $1::numeric > 9223372036854775807 then $1::numeric - 18446744073709551616 else $1::numeric end;

-- named_uuid makes an id from a name (RFC 9562 version 3). The same name always gives the same id.
create function livelearn.named_uuid(name text) returns uuid
	language sql immutable strict parallel safe
	return (select encode(set_byte(set_byte(d, 6, get_byte(d, 6) & 15 | 48), 8, get_byte(d, 8) & 63 | 128), 'hex')::uuid
		from (select decode(md5(name), 'hex') d) x);
-- +goose StatementEnd

-- +goose StatementBegin
-- my_box returns the box of the login, or null for the cloud itself.
create function livelearn.my_box() returns text
	language sql stable security definer set search_path = livelearn, pg_temp
	as $$ select id from boxes where login = session_user and revoked is null $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- admit returns the row of the box p_box. A box login may name its own box only.
create function livelearn.admit(p_box text) returns livelearn.boxes
	language plpgsql stable security definer set search_path = livelearn, pg_temp as $$
declare
	b boxes;
begin
	select * into b from boxes where id = p_box;
	if b.login is distinct from session_user and not pg_has_role(session_user, current_user, 'member') or b.id is null then
		raise exception 'no such box' using errcode = 'LL002';
	end if;
	if b.revoked is not null then
		raise exception 'the box was revoked' using errcode = 'LL001';
	end if;
	return b;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- ensure_month creates the partition of a month if it is missing. A transaction calls it before
-- it touches facts. Else two transactions that hold facts and want the month would deadlock.
create function livelearn.ensure_month(p_month timestamptz) returns void
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
declare
	v_from timestamptz := date_trunc('month', p_month, 'UTC');
	v_to timestamptz := (v_from at time zone 'UTC' + interval '1 month') at time zone 'UTC';
	v_name text := 'facts_' || to_char(v_from at time zone 'UTC', 'YYYY_MM');
begin
	if v_from < '2026-01-01 00:00:00+00' or v_from >= '2047-01-01 00:00:00+00' or to_regclass('livelearn.' || v_name) is not null then
		return;
	end if;
	perform pg_advisory_xact_lock(hashtext('livelearn.months'));
	-- to_regclass may still remember that it was not there.
	if exists (select from pg_class where relname = v_name and relnamespace = 'livelearn'::regnamespace) then
		return;
	end if;
	execute format('create table livelearn.%I (like livelearn.facts including defaults)', v_name);
	execute format('alter table livelearn.facts attach partition livelearn.%I for values from (%L) to (%L)', v_name, v_from, v_to);
end $$;

create function livelearn.ensure_months(p_from timestamptz, p_to timestamptz) returns void
	language sql security definer set search_path = livelearn, pg_temp set timezone = 'UTC'
	as $$ select ensure_month(m) from generate_series(date_trunc('month', p_from, 'UTC'), p_to, interval '1 month') m $$;
-- +goose StatementEnd

select livelearn.ensure_months(now(), now() + interval '2 months');

-- +goose StatementBegin
-- forget removes pupils from a payload: it deletes their entries in lists of pupils and replaces
-- other mentions with "erased". It empties a payload that Postgres refuses.
create function livelearn.forget(p_payload text, p_gone text[]) returns text
	language plpgsql immutable set search_path = livelearn, pg_temp as $$
declare
	j jsonb;
	t text;
	g text;
begin
	j := p_payload::jsonb;
	if jsonb_typeof(j -> 'pupils') = 'array' then
		j := jsonb_set(j, '{pupils}', (select coalesce(jsonb_agg(e order by o), '[]') from jsonb_array_elements(j -> 'pupils') with ordinality x(e, o)
			where not coalesce(e ->> 'id' = any (p_gone), false) and not coalesce(e ->> 'pupil' = any (p_gone), false)));
	end if;
	t := j::text;
	foreach g in array p_gone loop
		t := replace(t, to_json(g)::text, '"erased"');
	end loop;
	return t;
exception when data_exception then
	return null;
end $$;

-- mentions returns a pattern that finds any of these pupils in a payload.
create function livelearn.mentions(p_gone text[]) returns text
	language sql immutable set search_path = livelearn, pg_temp
	return (select '"(' || string_agg(regexp_replace(trim(both '"' from to_json(g)::text), '([^[:alnum:]_])', '\\\1', 'g'), '|') || ')"' from unnest(p_gone) g);
-- +goose StatementEnd

-- +goose StatementBegin
-- put_item stores an object of a school under its next number and version.
create function livelearn.put_item(p_school int, p_kind text, p_id text, p_data jsonb, p_gone bool) returns bigint
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_n bigint;
begin
	select d.n into v_n from down d where d.school = p_school and d.kind = p_kind and d.id = p_id and d.gone = p_gone and d.data is not distinct from p_data;
	if found then
		return v_n; -- nothing changed
	end if;
	-- The lock on the school's row orders those who put: numbers become visible in order.
	update schools set down_n = down_n + 1 where id = p_school returning down_n into v_n;
	insert into down as d (school, kind, id, n, gone, data) values (p_school, p_kind, p_id, v_n, p_gone, p_data)
		on conflict (school, kind, id) do update set n = v_n, version = d.version + 1, gone = p_gone, data = p_data, at = now();
	return v_n;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- nameable reports whether a text may be the id of a person. A plain word may not: it could be
-- the name of a field, which an erasure would remove from everything.
create function livelearn.nameable(p_pupil text) returns bool
	language sql immutable set search_path = livelearn, pg_temp
	return coalesce(length(p_pupil) between 2 and 255 and p_pupil ~ '[0-9_]' and p_pupil <> 'erased', false);
-- +goose StatementEnd

-- +goose StatementBegin
-- erase_pupil forgets a pupil of a school and adds an item for its boxes. It returns false if the
-- pupil was erased before.
create function livelearn.erase_pupil(p_school int, p_pupil text) returns bool
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_gone text[] := array[p_pupil];
	v_quoted text := to_json(p_pupil)::text;
	v_item record;
begin
	insert into erased (school, pupil) values (p_school, p_pupil) on conflict do nothing;
	if not found then
		return false;
	end if;
	-- A class list of the school has ids of its own; the box's list tells which.
	for v_item in
		select d.id, forget(d.data::text, v_gone || array(
			select e ->> 'source' from facts f, jsonb_path_query(f.payload, '$.pupils[*]') e
			where f.school = p_school and f.kind = 'class.listed' and e ->> 'id' = p_pupil and e ->> 'source' <> '')) as data, d.data::text as before
		from down d where d.school = p_school and d.kind = 'class' and d.data is not null
	loop
		if v_item.data::jsonb <> v_item.before::jsonb then
			perform put_item(p_school, 'class', v_item.id, v_item.data::jsonb, (select gone from down where school = p_school and kind = 'class' and id = v_item.id));
		end if;
	end loop;
	update facts set author = 'erased', command = null, payload = null where school = p_school and author = p_pupil;
	update facts set payload = forget(payload::text, v_gone)::jsonb where school = p_school and strpos(payload::text, v_quoted) > 0;
	update dead_letters set body = null, text = '' where school = p_school and position(convert_to(v_quoted, 'UTF8') in body) > 0;
	perform put_item(p_school, 'erasure', p_pupil, jsonb_build_object('pupil', p_pupil), false);
	return true;
end $$;
-- +goose StatementEnd

-- +goose Down
drop function livelearn.erase_pupil, livelearn.nameable, livelearn.put_item, livelearn.mentions, livelearn.forget, livelearn.ensure_months,
	livelearn.ensure_month, livelearn.admit, livelearn.my_box, livelearn.named_uuid, livelearn.bits, livelearn.corrected, livelearn.yes, livelearn.real,
	livelearn.whole, livelearn.stamp;
