-- The facts of the lessons $1 to $2 of a district: 200 boxes in 10 schools, each with a class of 30 pupils
-- and 6 lessons on a school day. A lesson has 384 facts, a quiz of 10 questions and a grading. As many
-- facts as boxes send, with the same fields. The triggers are off; the rebuild follows.
create temp table lesson as
select l, 'box' || lpad((l % 200)::text, 10, '0') as box, (select id from livelearn.schools where name = 'School ' || l % 10) as school,
	'c_class' || lpad((l % 200)::text, 8, '0') as class, 'l_' || substr(md5(l::text), 1, 13) as lesson,
	timestamptz '2026-09-01 08:00+00' + (l / 1200 / 5 * 7 + l / 1200 % 5) * interval '1 day' + l / 200 % 6 * interval '50 minutes' as started
from generate_series($1::int, $2::int) l;

insert into livelearn.owners (school, what, id, box)
select school, 'lesson', lesson, box from lesson
union select school, 'class', class, box from lesson
union select school, 'room', 'room:' || class, box from lesson
on conflict do nothing;

insert into livelearn.facts (epoch, seq, incarnation, pos, boot, mono, wall, received, school, version, trusted, stream, box, kind, payload)
select 1, 1, 7, 1, 5, 1000, min(started) - interval '1 day', min(started) - interval '23 hours', school, 1, true, 'report@' || box, box, 'class.listed',
	jsonb_build_object('class', class, 'name', 'Class ' || class, 'pupils', (select jsonb_agg(jsonb_build_object(
		'id', 'p_' || substr(md5(class || p), 1, 13), 'name', 'Pupil ' || p || ' of ' || class, 'source', class || '-' || p)) from generate_series(1, 30) p))
from lesson group by school, box, class having min(l) < 200;

insert into livelearn.facts (epoch, seq, incarnation, pos, boot, mono, wall, received, school, version, trusted, stream, box, kind, author, command, payload)
select 1, l / 200 * 500 + n, 7, l::bigint * 500 + n, 5, n * 1000, started + n * interval '5 seconds', started + interval '50 minutes', school, 1, true, 'room:' || class,
	box, kind, author, command, payload
from lesson, lateral (
	select 1 as n, 'lesson.started' as kind, 't_teacher' || lpad((l % 200)::text, 6, '0') as author, null::text as command,
		jsonb_build_object('lesson', lesson, 'title', 'Lesson ' || l) as payload
	union all select 1 + p, 'room.came', 'p_' || substr(md5(class || p), 1, 13), null, '{}' from generate_series(1, 30) p
	union all select 32, 'quiz.loaded', 't_teacher' || lpad((l % 200)::text, 6, '0'), null, jsonb_build_object('id', 'z_quiz' || l % 50, 'items',
		(select jsonb_agg(jsonb_build_object('id', 'q' || i, 'kind', 'single', 'text', 'What is the capital of country ' || l % 50 * 10 + i || '?', 'points', 1)) from generate_series(1, 10) i))
	union all select 31 + i * 33, 'quiz.opened', 't_teacher' || lpad((l % 200)::text, 6, '0'), substr(md5(random()::text), 1, 11), jsonb_build_object('of', 10, 'index', i, 'items',
		jsonb_build_array(jsonb_build_object('id', 'q' || i, 'kind', 'single', 'text', 'What is the capital of country ' || l % 50 * 10 + i || '?', 'title', '', 'points', 1,
		'options', '[{"id":"a","text":"Paris"},{"id":"b","text":"Lyon"},{"id":"c","text":"Nice"}]'::jsonb)), 'paced', 'teacher', 'round', i, 'seconds', 0) from generate_series(1, 10) i
	union all select 31 + i * 33 + p, 'quiz.answered', 'p_' || substr(md5(class || p), 1, 13), substr(md5(random()::text), 1, 11), jsonb_build_object('item', 'q' || i,
		'took', (random() * 20000)::int, 'round', i, 'response', jsonb_build_object('options', jsonb_build_array(chr(97 + (random() * 2)::int)))) from generate_series(1, 10) i, generate_series(1, 30) p
	union all select 31 + i * 33 + 31, 'quiz.revealed', 't_teacher' || lpad((l % 200)::text, 6, '0'), substr(md5(random()::text), 1, 11), jsonb_build_object('max', i,
		'keys', jsonb_build_object('q' || i, '{"right":["a"]}'::jsonb), 'marks', (select jsonb_object_agg('p_' || substr(md5(class || p), 1, 13), jsonb_build_object('q' || i, (random())::int)) from generate_series(1, 30) p),
		'scores', (select jsonb_object_agg('p_' || substr(md5(class || p), 1, 13), (random() * 10)::int) from generate_series(1, 30) p), 'round', i, 'shown', true,
		'counts', jsonb_build_object('q' || i, '{"a":12,"b":9,"c":9}'::jsonb), 'answered', jsonb_build_object('q' || i, 30)) from generate_series(1, 10) i
	union all select 400 + p, 'room.went', 'p_' || substr(md5(class || p), 1, 13), null, '{}' from generate_series(1, 30) p
	union all select 440, 'lesson.ended', 't_teacher' || lpad((l % 200)::text, 6, '0'), null, jsonb_build_object('lesson', lesson)) x
order by l, n;

insert into livelearn.facts (epoch, seq, incarnation, pos, boot, mono, wall, received, school, version, trusted, stream, box, kind, payload)
select 1, 10 + l / 200, 7, l::bigint * 500 + 441, 5, 1000, started + interval '41 minutes', started + interval '50 minutes', school, 1, true, 'report@' || box, box, 'lesson.graded',
	jsonb_build_object('class', class, 'title', 'Lesson ' || l, 'lesson', lesson, 'started', extract(epoch from started)::bigint * 1000, 'ended', (extract(epoch from started)::bigint + 2400) * 1000,
	'items', (select jsonb_agg(jsonb_build_object('id', 'q' || i, 'kind', 'single', 'title', 'What is the capital of country ' || l % 50 * 10 + i || '?', 'graded', true, 'points', 1)) from generate_series(1, 10) i),
	'pupils', (select jsonb_agg(jsonb_build_object('pupil', 'p_' || substr(md5(class || p), 1, 13), 'came', case when (p * 7 + l) % 20 = 0 then 0 else (extract(epoch from started)::bigint * 1000 + 5000) end, 'ms', 2300000,
		'marks', (select case when (p * 7 + l) % 20 = 0 then '{}'::jsonb else jsonb_object_agg('q' || i, case when random() > 0.3 then '{"points":1,"fraction":1}'::jsonb else '{"points":0,"fraction":0}'::jsonb end) end
			from generate_series(1, 10) i))) from generate_series(1, 30) p))
from lesson where l % 997 <> 0; -- some are not graded

drop table lesson;
