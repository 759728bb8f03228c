-- The views accept a box's word about its own objects only: grades for its own lessons and
-- classes, a list for its own classes, a name for its own pupils. This also covers facts that
-- were stored before the owners existed.
--
-- xAPI statements are made per grading, in the order in which the gradings arrived. The cost of a
-- page depends on its size and not on the number of lessons.

-- +goose Up

-- Gradings in the order of a page: of all schools, of one school, of a lesson, of a pupil. The
-- index of each kind of page requires a condition that only its query has. Else a planner without
-- statistics may take another index with the same columns and read all of it.
create index facts_graded on livelearn.facts (received, school, stream, epoch, seq) where kind = 'lesson.graded' and school > 0;
create index facts_graded_school on livelearn.facts (school, received, stream, epoch, seq) where kind = 'lesson.graded' and received > '-infinity';
-- An id is cut, so that any length fits into an index.
create index facts_graded_lesson on livelearn.facts ((left(payload ->> 'lesson', 255)), school, stream, epoch, seq) where kind = 'lesson.graded';
drop index livelearn.facts_rare;
create index facts_rare on livelearn.facts (school, kind, stream, epoch, seq) where kind in ('lesson.started', 'lesson.ended', 'class.listed');

-- +goose StatementBegin
-- graded_pupils returns the pupils of a grading, each cut to fit into an index.
create function livelearn.graded_pupils(p_payload jsonb) returns text[]
	language sql immutable parallel safe set search_path = pg_catalog, pg_temp
	return array(select left(p ->> 'pupil', 255) from jsonb_path_query(p_payload, '$.pupils[*]') p where p ->> 'pupil' <> '');
-- +goose StatementEnd
create index facts_graded_pupils on livelearn.facts using gin (livelearn.graded_pupils(payload)) where kind = 'lesson.graded';

create or replace view livelearn.listings as
select distinct on (f.school_id, f.stream, f.payload ->> 'class') f.school, f.school_id, f.box, f.payload ->> 'class' as class,
	f.payload ->> 'name' as class_name, f.payload ->> 'source' as source, f.payload as data, f.at, f.received, f.stream
from livelearn.facts_at f
where f.box = (select w.box from livelearn.owners w where w.school = f.school_id and w.what = 'class' and w.id = f.payload ->> 'class')
	and f.kind = 'class.listed' and f.stream = 'report@' || f.box and jsonb_typeof(f.payload -> 'pupils') = 'array'
order by f.school_id, f.stream, f.payload ->> 'class', f.epoch desc, f.seq desc;

create or replace view livelearn.names as
select distinct on (l.school_id, l.stream, p ->> 'id') l.school_id, p ->> 'id' as pupil, coalesce(p ->> 'name', '') as name, l.box, l.stream
from livelearn.listings l, jsonb_array_elements(l.data -> 'pupils') p
where p ->> 'id' is not null order by l.school_id, l.stream, p ->> 'id', l.at desc;

-- No index has the order by an array, so Postgres sorts the few gradings of the lesson. With an
-- order by numbers it would read through an index for the next grading of the lesson.
create or replace view livelearn.graded as
select f.school, f.school_id, f.box, f.stream, f.epoch, f.seq, f.payload ->> 'lesson' as lesson, f.payload ->> 'class' as class, f.payload ->> 'title' as title,
	case jsonb_typeof(f.payload -> 'items') when 'array' then f.payload -> 'items' else '[]' end as items, f.payload -> 'pupils' as pupils,
	coalesce(livelearn.stamp(livelearn.whole(f.payload -> 'started')) + (f.at - f.wall), f.at) as started,
	coalesce(livelearn.stamp(livelearn.whole(f.payload -> 'ended')) + (f.at - f.wall), f.at) as ended,
	f.at, f.at - f.wall as shift, f.received, s.received as superseded, f.wall
from livelearn.facts_at f
left join lateral (select n.received from livelearn.facts n where n.kind = 'lesson.graded' and n.school = f.school_id and n.stream = f.stream
	and left(n.payload ->> 'lesson', 255) = left(f.payload ->> 'lesson', 255) and (n.epoch, n.seq) > (f.epoch, f.seq)
	and jsonb_typeof(n.payload -> 'pupils') = 'array' order by array[n.epoch, n.seq] limit 1) s on true
where f.kind = 'lesson.graded' and jsonb_typeof(f.payload -> 'pupils') = 'array' and f.payload ->> 'lesson' <> ''
	and f.box = (select w.box from livelearn.owners w where w.school = f.school_id and w.what = 'lesson' and w.id = f.payload ->> 'lesson')
	and f.box = coalesce((select w.box from livelearn.owners w where w.school = f.school_id and w.what = 'class' and w.id = f.payload ->> 'class'), f.box);

create or replace view livelearn.lessons as
select b.school, substr(b.stream, 6) as room, b.payload ->> 'lesson' as lesson, b.payload ->> 'title' as title, g.class, l.class_name,
	b.at as started, e.at as ended, g.lesson is not null as graded, jsonb_array_length(g.pupils) as pupils, b.box, b.stream, b.epoch, b.seq, b.school_id
from (select distinct on (f.school_id, f.payload ->> 'lesson') f.* from livelearn.facts_at f
	where f.kind = 'lesson.started' and f.box = (select w.box from livelearn.owners w where w.school = f.school_id and w.what = 'lesson' and w.id = f.payload ->> 'lesson')
	order by f.school_id, f.payload ->> 'lesson', f.epoch, f.seq) b
left join lateral (select at from livelearn.facts_at e where e.kind = 'lesson.ended' and e.school_id = b.school_id and e.stream = b.stream
	and (e.epoch, e.seq) > (b.epoch, b.seq) and e.payload ->> 'lesson' = b.payload ->> 'lesson' order by e.epoch, e.seq limit 1) e on true
left join livelearn.gradings g on g.school_id = b.school_id and g.lesson = b.payload ->> 'lesson'
left join livelearn.listings l on l.school_id = b.school_id and l.class = g.class;

create or replace view livelearn.results as
select g.school, g.class, coalesce(l.class_name, '') as class_name, g.lesson, coalesce(g.title, '') as title, i ->> 'id' as item, coalesce(i ->> 'title', '') as question,
	livelearn.yes(i -> 'graded') as graded, p ->> 'pupil' as pupil, coalesce(n.name, '') as name, m is not null as answered,
	coalesce(livelearn.real(m -> 'fraction'), 0) as fraction, coalesce(livelearn.real(m -> 'points'), 0) as points, coalesce(livelearn.real(i -> 'points'), 0) as max,
	g.started, g.ended,
	g.box, g.at, g.received, g.school_id, g.stream, g.epoch, g.seq, coalesce(i ->> 'kind', '') as kind
from livelearn.gradings g
cross join lateral jsonb_array_elements(g.items) i
cross join lateral jsonb_array_elements(g.pupils) p
left join lateral (select p -> 'marks' -> (i ->> 'id') as m) x on true
left join livelearn.listings l on l.school_id = g.school_id and l.class = g.class
left join livelearn.names n on n.school_id = g.school_id and n.box = g.box and n.pupil = p ->> 'pupil'
where p ->> 'pupil' <> '' and i ->> 'id' <> '';

create or replace view livelearn.attendance as
select g.school, g.class, coalesce(l.class_name, '') as class_name, g.lesson, coalesce(g.title, '') as title, p ->> 'pupil' as pupil, coalesce(n.name, '') as name,
	coalesce(livelearn.whole(p -> 'came'), 0) > 0 as present,
	case when livelearn.whole(p -> 'came') > 0 then livelearn.stamp(livelearn.whole(p -> 'came')) + g.shift end as came,
	round(coalesce(livelearn.whole(p -> 'ms')::numeric, 0) / 60000, 1) as minutes,
	g.started, g.ended,
	g.box, g.received, g.school_id, coalesce(livelearn.whole(p -> 'ms'), 0) as ms
from livelearn.gradings g
cross join lateral jsonb_array_elements(g.pupils) p
left join livelearn.listings l on l.school_id = g.school_id and l.class = g.class
left join livelearn.names n on n.school_id = g.school_id and n.box = g.box and n.pupil = p ->> 'pupil'
where p ->> 'pupil' <> '';

create or replace view livelearn.answers as
select f.school, substr(f.stream, 6) as room,
	(select b.payload ->> 'lesson' from livelearn.facts b where b.kind = 'lesson.started' and b.school = f.school_id and b.stream = f.stream
		and (b.epoch, b.seq) < (f.epoch, f.seq) order by b.epoch desc, b.seq desc limit 1) as lesson,
	f.payload ->> 'round' as round, f.payload ->> 'item' as item, f.author as pupil, coalesce(n.name, '') as name, f.payload -> 'response' as response,
	f.payload -> 'took' as took_ms, f.at, f.dated, f.box, f.stream, f.epoch, f.seq, f.school_id
from livelearn.facts_at f
left join livelearn.names n on n.school_id = f.school_id and n.box = f.box and n.pupil = f.author
where f.kind = 'quiz.answered' and f.payload is not null;

drop view livelearn.statements;

-- +goose StatementBegin
-- statements_of returns the xAPI statements of one grading. They are the score of each pupil, if
-- no newer grading replaced it, and the voiding of the statements of the grading before, so that
-- readers with a copy learn of it. p_verb selects one verb, null selects all.
create function livelearn.statements_of(p_school int, p_stream text, p_epoch bigint, p_seq bigint, p_wall timestamptz, p_verb text)
	returns table (id uuid, verb text, voids uuid, stored timestamptz, at timestamptz, school text, lesson text, title text, class text, item text,
		question text, pupil text, name text, ms bigint, points float8, max float8, fraction float8)
	language sql stable set search_path = livelearn, pg_temp set jit = off as $$
with g as materialized (
	select * from graded where school_id = p_school and stream = p_stream and epoch = p_epoch and seq = p_seq and wall = p_wall limit 1),
-- Each list is expanded and then dropped. Else every statement would carry a copy of it.
each as materialized (
	select e.gone, e.school, e.lesson, e.title, e.class, e.ended, e.received, m.most, i, p,
		named_uuid(concat_ws('|', e.school_id, e.stream, e.epoch, e.seq, p ->> 'pupil', i ->> 'id')) as id
	from (select g.*, false as gone from g where g.superseded is null and coalesce(p_verb, 'answered') in ('answered', 'attended') union all
		select o.*, true from g cross join lateral (select * from graded o where o.school_id = g.school_id and o.stream = g.stream
			and left(o.lesson, 255) = left(g.lesson, 255) and (o.epoch, o.seq) < (g.epoch, g.seq) order by array[o.epoch, o.seq] desc limit 1) o
			where coalesce(p_verb, 'voided') = 'voided') e
	cross join lateral (select sum(livelearn.real(q -> 'points')) as most from jsonb_array_elements(e.items) q where yes(q -> 'graded')) m
	cross join lateral jsonb_array_elements(e.pupils) p
	cross join lateral (select null::jsonb as i union all select jsonb_array_elements(e.items)) x
	where p ->> 'pupil' <> '' and (i is null and whole(p -> 'came') > 0 or yes(i -> 'graded') and p -> 'marks' -> (i ->> 'id') is not null)),
called as materialized (
	select n.pupil, n.name from names n where n.school_id = p_school and n.stream = (select 'report@' || g.box from g))
select e.id, case when e.i is null then 'attended' else 'answered' end, null::uuid, e.received, least(e.ended, e.received), e.school, e.lesson,
	coalesce(e.title, ''), e.class, i ->> 'id', coalesce(i ->> 'title', ''), p ->> 'pupil', coalesce(n.name, ''), whole(p -> 'ms'),
	case when e.i is null then (select sum(livelearn.real(m.value -> 'points')) from jsonb_each(case jsonb_typeof(p -> 'marks') when 'object' then p -> 'marks' else '{}' end) m)
		else livelearn.real(p -> 'marks' -> (i ->> 'id') -> 'points') end,
	case when e.i is null then e.most else livelearn.real(i -> 'points') end,
	livelearn.real(p -> 'marks' -> (i ->> 'id') -> 'fraction')
from each e left join called n on n.pupil = e.p ->> 'pupil' where not e.gone
union all
select named_uuid('voided|' || e.id), 'voided', e.id, g.received, g.received, e.school, e.lesson, '', e.class, null, '', p ->> 'pupil', '', 0, 0, 0, 0
from each e, g where e.gone
$$;
-- +goose StatementEnd

revoke all on function livelearn.graded_pupils, livelearn.statements_of from public;
