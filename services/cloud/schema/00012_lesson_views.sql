-- The views over the tables of lessons. A person is one in all classes and on all boxes of a
-- school. A pupil who was absent has no result, and so counts in no mean.

-- +goose Up
drop view livelearn.results, livelearn.attendance, livelearn.answers, livelearn.lessons, livelearn.gradings, livelearn.pupils;

create view livelearn.persons as
select p.school as school_id, p.box, p.pupil, coalesce(m.person, nullif(p.source, ''), p.pupil) as person, p.name, p.source
from livelearn.people p left join livelearn.matches m on m.school = p.school and m.pupil = p.pupil;

create view livelearn.classes as
select c.school as school_id, c.box, c.class, coalesce(nullif(c.source, ''), c.class) as class_key, c.name as class_name, c.source, c.gone, c.epoch, c.seq, c.wall
from livelearn.class_rows c where c.newest;

create view livelearn.pupils as
select s.name as school, c.class, c.class_name, n.pupil, p.name, p.source, n.box, f.at, n.school as school_id, p.person, c.class_key
from (select distinct on (n.school, n.box, n.class, n.pupil) n.* from livelearn.name_rows n
	order by n.school, n.box, n.class, n.pupil, n.epoch desc, n.seq desc) n
join livelearn.schools s on s.id = n.school
join livelearn.classes c on c.school_id = n.school and c.box = n.box and c.class = n.class and not c.gone
join livelearn.persons p on p.school_id = n.school and p.box = n.box and p.pupil = n.pupil
left join lateral (select f.at from livelearn.facts_at f where f.school_id = c.school_id and f.stream = 'report@' || c.box and f.epoch = c.epoch and f.seq = c.seq limit 1) f on true
where n.listed
union all
select s.name, d.id, d.data ->> 'name', null, p ->> 'name', p ->> 'id', null, d.at, d.school, p ->> 'id', d.id
from livelearn.down d join livelearn.schools s on s.id = d.school, jsonb_array_elements(d.data -> 'pupils') p
where d.kind = 'class' and not d.gone and jsonb_typeof(d.data -> 'pupils') = 'array'
	and not exists (select from livelearn.classes c where c.school_id = d.school and c.source = d.id and not c.gone);
comment on view livelearn.pupils is 'Who is in which class: by the newest list of each box, and by lists that the school keeps here and no box has yet.';
comment on column livelearn.pupils.pupil is 'user id, as in results; null in a list that is kept here';
comment on column livelearn.pupils.person is 'the same on all boxes: the school''s own id of the pupil or, without one, the user id';
comment on column livelearn.pupils.class_key is 'the same on all boxes: the school''s own id of the class or, without one, its id on the box';
comment on column livelearn.pupils.source is 'the school''s own id of the pupil';
comment on column livelearn.pupils.name is 'empty where the policy of the school keeps names on the boxes';
comment on column livelearn.pupils.box is 'null in a list that is kept here';

create view livelearn.lessons as
select s.name as school, substr(l.stream, 6) as room, l.lesson, l.title, l.class, case when l.g_seq is not null then l.class_name end as class_name,
	l.started, l.ended, l.g_seq is not null as graded, case when l.g_seq is not null then l.present end as pupils, l.box, l.stream, l.epoch, l.seq, l.school as school_id,
	l.teacher, case when l.g_seq is not null then l.roster end as roster, l.asked, l.answered, l.fractions, l.points,
	l.fractions / nullif(l.answered, 0) as mean, l.received
from livelearn.lesson_rows l join livelearn.schools s on s.id = l.school where l.seq is not null;
comment on view livelearn.lessons is 'The lessons of all rooms, with their sums.';
comment on column livelearn.lessons.class is 'null until the lesson is graded, as class_name, pupils and roster';
comment on column livelearn.lessons.ended is 'null while it runs, or while its end is still on the box';
comment on column livelearn.lessons.teacher is 'user id of who started it';
comment on column livelearn.lessons.pupils is 'who were present';
comment on column livelearn.lessons.roster is 'who were on the list';
comment on column livelearn.lessons.asked is 'graded questions, for each pupil who was present';
comment on column livelearn.lessons.answered is 'answers to them';
comment on column livelearn.lessons.fractions is 'sum of the fractions of the answers: means of many lessons are sum(fractions) / sum(answered)';

create view livelearn.results as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, i.item, i.question, i.graded, m.pupil, coalesce(m.name, p.name, '') as name,
	m.fractions[i.n] is not null as answered,
	case when i.graded and (m.came is not null or m.fractions[i.n] is not null) then coalesce(m.fractions[i.n], 0) end as fraction,
	case when i.graded and (m.came is not null or m.fractions[i.n] is not null) then coalesce(m.points[i.n], 0) end as points,
	i.max, l.g_started as started, l.g_ended as ended, l.box, l.g_at as at, l.received, l.school as school_id, l.g_stream as stream, l.g_epoch as epoch, l.g_seq as seq, i.kind,
	m.came is not null as present, m.came is not null and i.graded as asked, coalesce(p.person, m.pupil) as person, p.source, l.teacher, i.quiz, i.edition,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, i.n
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.item_rows i on i.row_id = l.id
join livelearn.mark_rows m on m.row_id = l.id
left join livelearn.persons p on p.school_id = m.school and p.box = m.box and p.pupil = m.pupil
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;
comment on view livelearn.results is 'What each pupil reached at each question, by the newest grading of the lesson.';
comment on column livelearn.results.pupil is 'user id; stays when the name is corrected';
comment on column livelearn.results.person is 'the same on all boxes: the school''s own id of the pupil or, without one, the user id';
comment on column livelearn.results.name is 'at the time of the lesson; empty where the policy of the school keeps names on the boxes';
comment on column livelearn.results.graded is 'the question counts';
comment on column livelearn.results.present is 'the pupil was in the lesson';
comment on column livelearn.results.asked is 'the pupil was in the lesson and the question counts';
comment on column livelearn.results.fraction is '0 to 1; 0 for who was present and did not answer; null for who was absent, and for a question that does not count';
comment on column livelearn.results.points is 'what the answer is worth; null as fraction';
comment on column livelearn.results.max is 'what the right answer is worth';
comment on column livelearn.results.at is 'when the lesson was graded';
comment on column livelearn.results.received is 'in the order of commits: who reads on from the last one misses nothing';
comment on column livelearn.results.teacher is 'user id of who started the lesson';
comment on column livelearn.results.class_key is 'the same on all boxes';
comment on column livelearn.results.quiz is 'id of the quiz that the question comes from';
comment on column livelearn.results.edition is 'changes with the content of the quiz';

create view livelearn.attendance as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, m.pupil, coalesce(m.name, p.name, '') as name, m.came is not null as present, m.came,
	round(m.ms::numeric / 60000, 1) as minutes, l.g_started as started, l.g_ended as ended, l.box, l.received, l.school as school_id, m.ms,
	coalesce(p.person, m.pupil) as person, p.source, l.teacher, m.asked, m.answered, m.rate as fractions, m.total as points, m.max,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, m.graded
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.mark_rows m on m.row_id = l.id
left join livelearn.persons p on p.school_id = m.school and p.box = m.box and p.pupil = m.pupil
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;
comment on view livelearn.attendance is 'Who was in which lesson, for how long, and the sums of that pupil''s results.';
comment on column livelearn.attendance.came is 'null: never';
comment on column livelearn.attendance.minutes is 'time present';
comment on column livelearn.attendance.class_key is 'the same on all boxes';
comment on column livelearn.attendance.asked is 'graded questions, 0 for who was absent';

create view livelearn.questions as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, i.item, i.question, i.kind, i.graded, i.max, i.quiz, i.edition,
	case when i.graded then l.present else 0 end as asked, i.answered, i.fractions, i.points, i.fractions / nullif(i.answered, 0) as mean,
	l.g_started as started, l.teacher, l.box, l.school as school_id,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, i.n, l.g_ended as ended, l.received
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.item_rows i on i.row_id = l.id
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;
comment on view livelearn.questions is 'The questions of each lesson, with their sums.';
comment on column livelearn.questions.fractions is 'sum of the fractions of the answers: means of many lessons are sum(fractions) / sum(answered)';

create view livelearn.answers as
select s.name as school, substr(f.stream, 6) as room, l.lesson, f.payload ->> 'round' as round, f.payload ->> 'item' as item, f.author as pupil,
	coalesce(m.name, p.name, '') as name, f.payload -> 'response' as response, f.payload -> 'took' as took_ms,
	livelearn.corrected(f.wall, f.trusted, f.mono, a.wall, a.mono) as at, f.trusted or a.boot is not null as dated,
	f.box, f.stream, f.epoch, f.seq, f.school as school_id, coalesce(p.person, f.author) as person
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.facts f on f.school = l.school and f.stream = l.stream and (f.epoch, f.seq) > (l.epoch, l.seq) and (f.epoch, f.seq) < (l.end_epoch, l.end_seq)
left join livelearn.anchors a on a.school = f.school and a.box = f.box and a.boot = f.boot
left join livelearn.mark_rows m on m.row_id = l.id and m.pupil = f.author
left join livelearn.persons p on p.school_id = f.school and p.box = f.box and p.pupil = f.author
where f.kind = 'quiz.answered' and f.payload is not null;
comment on view livelearn.answers is 'Answers of lessons as they were given; an answer that was changed is there twice, the later counts.';
comment on column livelearn.answers.took_ms is 'milliseconds from the question to the answer';

-- The time at which a grading became visible takes the place of its time of arrival.
create or replace view livelearn.graded as
select f.school, f.school_id, f.box, f.stream, f.epoch, f.seq, f.payload ->> 'lesson' as lesson, f.payload ->> 'class' as class, f.payload ->> 'title' as title,
	case jsonb_typeof(f.payload -> 'items') when 'array' then f.payload -> 'items' else '[]' end as items, f.payload -> 'pupils' as pupils,
	coalesce(livelearn.stamp(livelearn.whole(f.payload -> 'started')) + (f.at - f.wall), f.at) as started,
	coalesce(livelearn.stamp(livelearn.whole(f.payload -> 'ended')) + (f.at - f.wall), f.at) as ended,
	f.at, f.at - f.wall as shift, v.stored as received, s.stored as superseded, f.wall, v.prefix, v.old
from livelearn.facts_at f
join livelearn.arrivals v on v.school = f.school_id and v.stream = f.stream and v.epoch = f.epoch and v.seq = f.seq
left join lateral (select w.stored from livelearn.arrivals w where w.lesson = left(f.payload ->> 'lesson', 255) and w.school = f.school_id and w.stream = f.stream
	and (w.epoch, w.seq) > (f.epoch, f.seq) and exists (select from livelearn.facts n where n.school = w.school and n.stream = w.stream and n.epoch = w.epoch
		and n.seq = w.seq and n.wall = w.wall and jsonb_typeof(n.payload -> 'pupils') = 'array') order by w.epoch, w.seq limit 1) s on true
where f.kind = 'lesson.graded' and jsonb_typeof(f.payload -> 'pupils') = 'array' and f.payload ->> 'lesson' <> ''
	and livelearn.owned(f.school_id, 'lesson', f.payload ->> 'lesson', f.box) and livelearn.owned(f.school_id, 'class', f.payload ->> 'class', f.box);

drop function livelearn.statements_of;

-- +goose StatementBegin
-- statements_of returns the xAPI statements of one grading. They are the score of each pupil, if
-- no newer grading replaced it, and the voiding of the statements of the grading before, so that
-- readers with a copy learn of it. p_verb selects one verb, null selects all.
create function livelearn.statements_of(p_school int, p_stream text, p_epoch bigint, p_seq bigint, p_wall timestamptz, p_verb text)
	returns table (id uuid, verb text, voids uuid, stored timestamptz, at timestamptz, school text, lesson text, title text, class text, item text,
		question text, pupil text, person text, name text, ms bigint, points float8, max float8, fraction float8)
	language sql stable set search_path = livelearn, pg_temp set jit = off as $$
with g as materialized (
	select * from graded where school_id = p_school and stream = p_stream and epoch = p_epoch and seq = p_seq and wall = p_wall limit 1),
-- Each list is expanded and then dropped. Else every statement would carry a copy of it.
each as materialized (
	select e.gone, e.school, e.lesson, e.title, e.class, e.ended, e.received, m.most, i, p,
		e.old, e.prefix, case when e.old then named_uuid(n.id_name) else statement_id(e.prefix, n.id_name) end as id
	from (select g.*, false as gone from g where g.superseded is null and coalesce(p_verb, 'answered') in ('answered', 'attended') union all
		select o.*, true from g cross join lateral (select o.* from arrivals w cross join lateral (select * from graded o where o.school_id = w.school
				and o.stream = w.stream and o.epoch = w.epoch and o.seq = w.seq and o.wall = w.wall limit 1) o
			where w.lesson = left(g.lesson, 255) and w.school = g.school_id and w.stream = g.stream and (w.epoch, w.seq) < (g.epoch, g.seq)
			order by w.epoch desc, w.seq desc limit 1) o
			where coalesce(p_verb, 'voided') = 'voided') e
	cross join lateral (select sum(livelearn.real(q -> 'points')) as most from jsonb_array_elements(e.items) q where yes(q -> 'graded')) m
	cross join lateral jsonb_array_elements(e.pupils) p
	cross join lateral (select null::jsonb as i union all select jsonb_array_elements(e.items)) x
	cross join lateral (select concat_ws('|', e.school_id, e.stream, e.epoch, e.seq, p ->> 'pupil', i ->> 'id') as id_name) n
	where p ->> 'pupil' <> '' and (i is null and whole(p -> 'came') > 0 or yes(i -> 'graded') and p -> 'marks' -> (i ->> 'id') is not null)),
first as materialized (
	select w.epoch, w.seq from g, arrivals w where w.lesson = left(g.lesson, 255) and w.school = p_school and w.stream = p_stream
	order by w.epoch, w.seq limit 1),
called as materialized (
	select x.pupil, coalesce(r.person, x.pupil) as person, name_at(p_school, g.box, x.pupil, first.epoch, first.seq) as name
	from g, first, (select distinct e.p ->> 'pupil' as pupil from each e) x
	left join persons r on r.school_id = p_school and r.box = (select g.box from g) and r.pupil = x.pupil)
select e.id, case when e.i is null then 'attended' else 'answered' end, null::uuid, e.received, least(e.ended, e.received), e.school, e.lesson,
	coalesce(e.title, ''), e.class, i ->> 'id', coalesce(i ->> 'title', ''), p ->> 'pupil', case when e.old then p ->> 'pupil' else n.person end, coalesce(n.name, ''), whole(p -> 'ms'),
	case when e.i is null then (select sum(livelearn.real(m.value -> 'points')) from jsonb_each(case jsonb_typeof(p -> 'marks') when 'object' then p -> 'marks' else '{}' end) m)
		else livelearn.real(p -> 'marks' -> (i ->> 'id') -> 'points') end,
	case when e.i is null then e.most else livelearn.real(i -> 'points') end,
	livelearn.real(p -> 'marks' -> (i ->> 'id') -> 'fraction')
from each e left join called n on n.pupil = e.p ->> 'pupil' where not e.gone
union all
select case when e.old then named_uuid('voided|' || e.id) else statement_id(e.prefix, 'voided|' || e.id) end, 'voided', e.id, g.received, g.received, e.school, e.lesson, '', e.class, null, '', p ->> 'pupil', p ->> 'pupil', '', 0, 0, 0, 0
from each e, g where e.gone
$$;

-- +goose StatementEnd

revoke all on function livelearn.statements_of from public;
grant select on livelearn.results, livelearn.attendance, livelearn.answers, livelearn.lessons, livelearn.pupils, livelearn.questions to livelearn_read;
