-- +goose Up

-- +goose StatementBegin
-- retain empties facts older than their school keeps, and drops empty months. The age of a fact
-- counts from its corrected time or, if that is unknown, from its arrival.
create function livelearn.retain(p_now timestamptz) returns bigint
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_count bigint;
	v_oldest timestamptz;
	v_left bool;
	p record;
begin
	perform ensure_months(p_now, p_now + interval '2 months');
	with old as (
		select f.school, f.stream, f.epoch, f.seq, f.wall from facts f
		join schools s on s.id = f.school
		left join anchors a on not f.trusted and a.school = f.school and a.box = f.box and a.boot = f.boot
		where f.payload is not null
			and case when f.trusted or a.boot is not null then corrected(f.wall, f.trusted, f.mono, a.wall, a.mono) else f.received end
				< p_now - make_interval(days => case when f.kind like 'chat.%' or f.kind like 'letter.%' then s.chat_days else s.results_days end))
	update facts f set payload = null, command = null, author = case when f.author is not null then 'erased' end
	from old o where f.school = o.school and f.stream = o.stream and f.epoch = o.epoch and f.seq = o.seq and f.wall = o.wall;
	get diagnostics v_count = row_count;

	update dead_letters d set body = null, text = '' from schools s
	where s.id = d.school and d.body is not null
		and d.at < p_now - make_interval(days => case when d.kind like 'chat.%' or d.kind like 'letter.%' then s.chat_days else s.results_days end);

	select p_now - make_interval(days => max(greatest(chat_days, results_days))) into v_oldest from schools;
	for p in
		select c.relname, to_timestamp(substr(c.relname, 7) || ' +00', 'YYYY_MM TZH') + interval '1 month' as ends
		from pg_inherits i join pg_class c on c.oid = i.inhrelid
		where i.inhparent = 'livelearn.facts'::regclass and c.relname ~ '^facts_[0-9]{4}_[0-9]{2}$'
	loop
		if p.ends < v_oldest - interval '2 days' then
			execute format('select exists (select from livelearn.%I where payload is not null)', p.relname) into v_left;
			if not v_left then
				execute format('drop table livelearn.%I', p.relname);
			end if;
		end if;
	end loop;
	return v_count;
end $$;
-- +goose StatementEnd

revoke all on function livelearn.retain from public;

-- +goose Down
drop function livelearn.retain;
