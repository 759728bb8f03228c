-- The views that a school queries. Times are corrected: a box has no battery clock, so the first
-- anchor of a run dates the facts before the box knew the time.

-- +goose Up
create view livelearn.facts_at as
select s.name as school, f.stream, f.epoch, f.seq, f.box, f.incarnation, f.pos, f.kind, f.version, f.author, f.command, f.payload,
	f.wall, f.trusted, f.received, f.boot, f.mono, f.school as school_id,
	livelearn.corrected(f.wall, f.trusted, f.mono, a.wall, a.mono) as at,
	f.trusted or a.boot is not null as dated
from livelearn.facts f
join livelearn.schools s on s.id = f.school
left join livelearn.anchors a on a.school = f.school and a.box = f.box and a.boot = f.boot;

comment on view livelearn.facts_at is 'All facts as they came, also of kinds that this database does not know. Identity is (school, stream, epoch, seq).';
comment on column livelearn.facts_at.stream is 'room:<id> of a room, box@<box> and report@<box> of a box itself';
comment on column livelearn.facts_at.epoch is 'raised when the log of the stream was cut or its owner changed';
comment on column livelearn.facts_at.seq is 'number in the stream';
comment on column livelearn.facts_at.incarnation is 'random number of the database of the box, as the bigint of its 64 bits';
comment on column livelearn.facts_at.pos is 'place among all facts of that incarnation';
comment on column livelearn.facts_at.version is 'of the payload of this kind';
comment on column livelearn.facts_at.author is 'user id; null for the box, "erased" after an erasure or the end of the retention';
comment on column livelearn.facts_at.payload is 'null after an erasure or the end of the retention';
comment on column livelearn.facts_at.wall is 'by the clock of the box, right or wrong';
comment on column livelearn.facts_at.at is 'when it happened: wall, corrected where an anchor of the same run tells the right time';
comment on column livelearn.facts_at.dated is 'at is right; false: the box never knew the time in that run';

create view livelearn.listings as
select distinct on (school_id, class) *
from (select distinct on (school_id, payload ->> 'class', stream) school, school_id, box, payload ->> 'class' as class, payload ->> 'name' as class_name,
		payload ->> 'source' as source, payload as data, at, received
	from livelearn.facts_at where kind = 'class.listed' and jsonb_typeof(payload -> 'pupils') = 'array'
	order by school_id, payload ->> 'class', stream, epoch desc, seq desc) each
order by school_id, class, received desc;
comment on view livelearn.listings is 'The newest list of each class, as its box told it.';

create view livelearn.pupils as
select l.school, l.class, l.class_name, p ->> 'id' as pupil, coalesce(p ->> 'name', '') as name, coalesce(p ->> 'source', '') as source, l.box, l.at, l.school_id
from livelearn.listings l, jsonb_array_elements(l.data -> 'pupils') p
union all
select s.name, d.id, d.data ->> 'name', null, p ->> 'name', p ->> 'id', null, d.at, d.school
from livelearn.down d join livelearn.schools s on s.id = d.school, jsonb_array_elements(d.data -> 'pupils') p
where d.kind = 'class' and not d.gone and jsonb_typeof(d.data -> 'pupils') = 'array';
comment on view livelearn.pupils is 'Who is in which class: by the newest list of each box, and by the lists that the school keeps here.';
comment on column livelearn.pupils.pupil is 'user id, as in results; null in a list that is kept here';
comment on column livelearn.pupils.source is 'the school''s own id of the pupil';
comment on column livelearn.pupils.name is 'empty where the policy of the school keeps names on the boxes';
comment on column livelearn.pupils.box is 'null in a list that is kept here';

create view livelearn.names as
select distinct on (school_id, pupil) school_id, pupil, name from livelearn.pupils where pupil is not null order by school_id, pupil, at desc;

create view livelearn.graded as
select school, school_id, box, stream, epoch, seq, payload ->> 'lesson' as lesson, payload ->> 'class' as class, payload ->> 'title' as title,
	case jsonb_typeof(payload -> 'items') when 'array' then payload -> 'items' else '[]' end as items, payload -> 'pupils' as pupils,
	coalesce(livelearn.stamp(livelearn.whole(payload -> 'started')) + (at - wall), at) as started,
	coalesce(livelearn.stamp(livelearn.whole(payload -> 'ended')) + (at - wall), at) as ended,
	at, at - wall as shift, received, lead(received) over (partition by school_id, payload ->> 'lesson', stream order by epoch, seq) as superseded
from livelearn.facts_at where kind = 'lesson.graded' and jsonb_typeof(payload -> 'pupils') = 'array' and payload ->> 'lesson' <> '';

create view livelearn.gradings as
select distinct on (school_id, lesson) * from livelearn.graded where superseded is null order by school_id, lesson, received desc;
comment on view livelearn.gradings is 'The newest grading of each lesson.';

create view livelearn.lessons as
select b.school, substr(b.stream, 6) as room, b.payload ->> 'lesson' as lesson, b.payload ->> 'title' as title, g.class, l.class_name,
	b.at as started, e.at as ended, g.lesson is not null as graded, jsonb_array_length(g.pupils) as pupils, b.box, b.stream, b.epoch, b.seq, b.school_id
from (select distinct on (school_id, payload ->> 'lesson') * from livelearn.facts_at where kind = 'lesson.started' and payload is not null
	order by school_id, payload ->> 'lesson', epoch, seq) b
left join lateral (select at from livelearn.facts_at e where e.kind = 'lesson.ended' and e.school_id = b.school_id and e.stream = b.stream
	and (e.epoch, e.seq) > (b.epoch, b.seq) and e.payload ->> 'lesson' = b.payload ->> 'lesson' order by e.epoch, e.seq limit 1) e on true
left join livelearn.gradings g on g.school_id = b.school_id and g.lesson = b.payload ->> 'lesson'
left join livelearn.listings l on l.school_id = b.school_id and l.class = g.class;
comment on view livelearn.lessons is 'The lessons of all rooms.';
comment on column livelearn.lessons.class is 'null until the lesson is graded, as class_name and pupils';
comment on column livelearn.lessons.ended is 'null while it runs, or while its end is still on the box';

create view livelearn.results as
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
left join livelearn.names n on n.school_id = g.school_id and n.pupil = p ->> 'pupil'
where p ->> 'pupil' <> '' and i ->> 'id' <> '';
comment on view livelearn.results is 'What each pupil reached at each question, by the newest grading of the lesson.';
comment on column livelearn.results.pupil is 'user id; stays when the name is corrected';
comment on column livelearn.results.name is 'empty where the policy of the school keeps names on the boxes';
comment on column livelearn.results.graded is 'the question counts';
comment on column livelearn.results.fraction is '0 to 1; 0 for who did not answer';
comment on column livelearn.results.points is 'what the answer is worth';
comment on column livelearn.results.max is 'what the right answer is worth';
comment on column livelearn.results.at is 'when the lesson was graded';

create view livelearn.attendance as
select g.school, g.class, coalesce(l.class_name, '') as class_name, g.lesson, coalesce(g.title, '') as title, p ->> 'pupil' as pupil, coalesce(n.name, '') as name,
	coalesce(livelearn.whole(p -> 'came'), 0) > 0 as present,
	case when livelearn.whole(p -> 'came') > 0 then livelearn.stamp(livelearn.whole(p -> 'came')) + g.shift end as came,
	round(coalesce(livelearn.whole(p -> 'ms')::numeric, 0) / 60000, 1) as minutes,
	g.started, g.ended,
	g.box, g.received, g.school_id, coalesce(livelearn.whole(p -> 'ms'), 0) as ms
from livelearn.gradings g
cross join lateral jsonb_array_elements(g.pupils) p
left join livelearn.listings l on l.school_id = g.school_id and l.class = g.class
left join livelearn.names n on n.school_id = g.school_id and n.pupil = p ->> 'pupil'
where p ->> 'pupil' <> '';
comment on view livelearn.attendance is 'Who was in which lesson, for how long.';
comment on column livelearn.attendance.came is 'null: never';
comment on column livelearn.attendance.minutes is 'time present';

create view livelearn.answers as
select f.school, substr(f.stream, 6) as room,
	(select b.payload ->> 'lesson' from livelearn.facts b where b.kind = 'lesson.started' and b.school = f.school_id and b.stream = f.stream
		and (b.epoch, b.seq) < (f.epoch, f.seq) order by b.epoch desc, b.seq desc limit 1) as lesson,
	f.payload ->> 'round' as round, f.payload ->> 'item' as item, f.author as pupil, coalesce(n.name, '') as name, f.payload -> 'response' as response,
	f.payload -> 'took' as took_ms, f.at, f.dated, f.box, f.stream, f.epoch, f.seq, f.school_id
from livelearn.facts_at f
left join livelearn.names n on n.school_id = f.school_id and n.pupil = f.author
where f.kind = 'quiz.answered' and f.payload is not null;
comment on view livelearn.answers is 'Answers as they were given; an answer that was changed is there twice, the later counts.';
comment on column livelearn.answers.took_ms is 'milliseconds from the question to the answer';

-- Further statements void the statements of a replaced grading, so that readers with a copy of
-- them learn of it.
create view livelearn.statements as
with each as (
	select g.*, i, p, livelearn.named_uuid(concat_ws('|', g.school_id, g.stream, g.epoch, g.seq, p ->> 'pupil', i ->> 'id')) as id
	from livelearn.graded g
	cross join lateral jsonb_array_elements(g.pupils) p
	cross join lateral (select null::jsonb as i union all select jsonb_array_elements(g.items)) x
	where p ->> 'pupil' <> '' and (i is null and livelearn.whole(p -> 'came') > 0 or livelearn.yes(i -> 'graded') and p -> 'marks' -> (i ->> 'id') is not null))
select e.school, e.school_id, e.id, case when e.i is null then 'attended' else 'answered' end as verb, null::uuid as voids, e.received as stored,
	least(e.ended, e.received) as at, e.lesson, coalesce(e.title, '') as title, e.class, i ->> 'id' as item, coalesce(i ->> 'title', '') as question,
	p ->> 'pupil' as pupil, coalesce(n.name, '') as name, livelearn.whole(p -> 'ms') as ms,
	case when e.i is null then (select sum(livelearn.real(m.value -> 'points')) from jsonb_each(case jsonb_typeof(p -> 'marks') when 'object' then p -> 'marks' else '{}' end) m)
		else livelearn.real(p -> 'marks' -> (i ->> 'id') -> 'points') end as points,
	case when e.i is null then (select sum(livelearn.real(q -> 'points')) from jsonb_array_elements(e.items) q where livelearn.yes(q -> 'graded'))
		else livelearn.real(i -> 'points') end as max,
	livelearn.real(p -> 'marks' -> (i ->> 'id') -> 'fraction') as fraction
from each e left join livelearn.names n on n.school_id = e.school_id and n.pupil = e.p ->> 'pupil'
where e.superseded is null
union all
select e.school, e.school_id, livelearn.named_uuid('voided|' || e.id), 'voided', e.id, e.superseded, e.superseded, e.lesson, '', e.class, null, '', p ->> 'pupil', '', 0, 0, 0, 0
from each e where e.superseded is not null;
comment on view livelearn.statements is 'What the xAPI statements are made of.';

create view livelearn.boxes_seen as
select b.id as box, b.name, s.name as school, b.version, greatest(b.seen, w.seen) as seen, b.enrolled, b.revoked, b.login is not null as direct,
	greatest(case when w.incarnation = b.incarnation then b.position end, w.pos, 0) as position, coalesce(w.pos, 0) as watermark, greatest(case when w.incarnation is null or w.incarnation = b.incarnation then b.position - coalesce(w.pos, 0) end, 0) as behind,
	coalesce(w.facts, 0) as facts, (select count(*) from livelearn.dead_letters d where d.box = b.id and d.resolved is null) as dead,
	(select count(*) from livelearn.watermarks o where o.box = b.id and o.incarnation <> w.incarnation) as past, r.payload as report, r.at as reported, b.school as school_id
from livelearn.boxes b
join livelearn.schools s on s.id = b.school
left join lateral (select * from livelearn.watermarks w where w.box = b.id order by (w.incarnation = b.incarnation) desc nulls last, w.seen desc limit 1) w on true
left join lateral (select f.payload, f.at from livelearn.facts_at f where f.school_id = b.school and f.box = b.id and f.stream = 'report@' || b.id and f.kind = 'box.reported'
	order by f.epoch desc, f.seq desc limit 1) r on true;
comment on view livelearn.boxes_seen is 'The boxes and how they are.';
comment on column livelearn.boxes_seen.seen is 'when it was last heard of; null: never';
comment on column livelearn.boxes_seen.position is 'number of its last fact, as it said';
comment on column livelearn.boxes_seen.watermark is 'up to which fact all is here';
comment on column livelearn.boxes_seen.behind is 'facts that wait on the box';
comment on column livelearn.boxes_seen.dead is 'dead letters that wait for a decision';
comment on column livelearn.boxes_seen.past is 'earlier databases of the box: it was restored, or copied';
comment on column livelearn.boxes_seen.report is 'what it last said of itself: version, uptime, free, worst check';

create view livelearn.dead as
select s.name as school, d.box, b.name as box_name, d.incarnation, d.pos, d.stream, d.epoch, d.seq, d.kind, d.code, d.text, d.body, d.at, d.resolved, d.how, d.id, d.school as school_id
from livelearn.dead_letters d join livelearn.schools s on s.id = d.school join livelearn.boxes b on b.id = d.box;
comment on view livelearn.dead is 'Facts that the database refused, kept as they came.';
comment on column livelearn.dead.code is 'SQLSTATE of the refusal, or "forked": another fact has this identity';
comment on column livelearn.dead.body is 'the fact as JSON, in bytes; null once it was stored after all';
comment on column livelearn.dead.resolved is 'null while it waits';

-- +goose Down
drop view livelearn.dead, livelearn.boxes_seen, livelearn.statements, livelearn.answers, livelearn.attendance, livelearn.results, livelearn.lessons, livelearn.gradings, livelearn.graded,
	livelearn.names, livelearn.pupils, livelearn.listings, livelearn.facts_at;
