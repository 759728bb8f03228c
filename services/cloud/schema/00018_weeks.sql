-- Sums of the marks for each pupil and week, so that a question about all pupils does not read each
-- mark of the year. Triggers keep them, and rebuild_weeks makes them again. The joins of the views
-- have the school on both sides, so that a question about a pupil or a quiz goes by the index.

-- +goose Up
alter table livelearn.mark_rows add column week date; -- Monday of the week of the lesson, in UTC

-- Fractions are numeric: what is added and taken away again leaves nothing.
create table livelearn.week_rows (
	school    int not null,
	box       text collate "C" not null,
	pupil     text collate "C" not null,
	week      date not null,
	lessons   int not null,
	present   int not null,
	asked     int not null,
	answered  int not null,
	fractions numeric not null,
	points    numeric not null,
	max       numeric not null,
	primary key (school, box, pupil, week)
) with (fillfactor = 70);

update livelearn.mark_rows m set week = (date_trunc('week', l.g_started, 'UTC') at time zone 'UTC')::date from livelearn.lesson_rows l where l.id = m.row_id and l.g_started is not null;

-- +goose StatementBegin
create function livelearn.date_mark() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
begin
	select (date_trunc('week', l.g_started, 'UTC') at time zone 'UTC')::date into new.week from lesson_rows l where l.id = new.row_id;
	return new;
end $$;

-- add_marks adds marks to the sums, or takes them away. The order of the rows is that of all others
-- who do, so that two wait for each other without a deadlock.
create function livelearn.add_marks() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
begin
	insert into week_rows as w (school, box, pupil, week, lessons, present, asked, answered, fractions, points, max)
	select m.school, m.box, m.pupil, m.week, count(*), count(m.came), sum(m.asked), sum(m.answered), sum(m.rate::numeric), sum(m.total::numeric), sum(m.max::numeric)
	from changed m where m.week is not null group by 1, 2, 3, 4 order by 1, 2, 3, 4
	on conflict (school, box, pupil, week) do update set lessons = w.lessons + excluded.lessons, present = w.present + excluded.present, asked = w.asked + excluded.asked,
		answered = w.answered + excluded.answered, fractions = w.fractions + excluded.fractions, points = w.points + excluded.points, max = w.max + excluded.max;
	return null;
end $$;

create function livelearn.take_marks() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
begin
	with gone as (
		select m.school, m.box, m.pupil, m.week, count(*) as lessons, count(m.came) as present, sum(m.asked) as asked, sum(m.answered) as answered,
			sum(m.rate::numeric) as fractions, sum(m.total::numeric) as points, sum(m.max::numeric) as max
		from changed m where m.week is not null group by 1, 2, 3, 4),
	locked as (select w.school, w.box, w.pupil, w.week from week_rows w join gone g using (school, box, pupil, week) order by 1, 2, 3, 4 for update of w)
	update week_rows w set lessons = w.lessons - g.lessons, present = w.present - g.present, asked = w.asked - g.asked, answered = w.answered - g.answered,
		fractions = w.fractions - g.fractions, points = w.points - g.points, max = w.max - g.max
	from gone g join locked k using (school, box, pupil, week)
	where w.school = g.school and w.box = g.box and w.pupil = g.pupil and w.week = g.week;
	-- No trace of a pupil whose last mark is gone.
	delete from week_rows w using (select distinct m.school, m.box, m.pupil, m.week from changed m) g
	where w.school = g.school and w.box = g.box and w.pupil = g.pupil and w.week = g.week and w.lessons <= 0;
	return null;
end $$;

-- rebuild_weeks makes the sums of a school again. It waits for those who change marks now.
create function livelearn.rebuild_weeks(p_school int) returns void
	language plpgsql set search_path = livelearn, pg_temp as $$
begin
	lock table week_rows in share row exclusive mode;
	delete from week_rows where school = p_school;
	insert into week_rows (school, box, pupil, week, lessons, present, asked, answered, fractions, points, max)
	select m.school, m.box, m.pupil, m.week, count(*), count(m.came), sum(m.asked), sum(m.answered), sum(m.rate::numeric), sum(m.total::numeric), sum(m.max::numeric)
	from mark_rows m join lesson_rows l on l.id = m.row_id where m.school = p_school and m.week is not null group by 1, 2, 3, 4;
end $$;
-- +goose StatementEnd

create trigger date_mark before insert on livelearn.mark_rows for each row execute function livelearn.date_mark();
create trigger add_marks after insert on livelearn.mark_rows referencing new table as changed for each statement execute function livelearn.add_marks();
create trigger take_marks after delete on livelearn.mark_rows referencing old table as changed for each statement execute function livelearn.take_marks();
select livelearn.rebuild_weeks(id) from livelearn.schools;

create view livelearn.pupil_weeks as
select s.name as school, w.pupil, coalesce(p.name, '') as name, w.week, w.lessons, w.present, w.asked, w.answered, w.fractions, w.points, w.max,
	coalesce(p.person, w.pupil) as person, p.source, w.box, w.school as school_id
from livelearn.week_rows w
join livelearn.schools s on s.id = w.school
left join livelearn.persons p on p.school_id = w.school and p.box = w.box and p.pupil = w.pupil;
comment on view livelearn.pupil_weeks is 'The sums of each pupil and week: for questions about all pupils.';
comment on column livelearn.pupil_weeks.name is 'the present one; empty where the policy of the school keeps names on the boxes';
comment on column livelearn.pupil_weeks.week is 'Monday, in UTC';
comment on column livelearn.pupil_weeks.present is 'lessons in which the pupil was';
comment on column livelearn.pupil_weeks.fractions is 'sum of the fractions of the answers: means are sum(fractions) / sum(answered)';

comment on view livelearn.persons is 'Which person each pupil of a box is.';
grant select on livelearn.pupil_weeks, livelearn.persons to livelearn_read;
revoke all on function livelearn.date_mark, livelearn.add_marks, livelearn.take_marks, livelearn.rebuild_weeks from public;

create or replace view livelearn.results as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, i.item, i.question, i.graded, m.pupil, coalesce(m.name, p.name, '') as name,
	m.fractions[i.n] is not null as answered,
	case when i.graded and (m.came is not null or m.fractions[i.n] is not null) then coalesce(m.fractions[i.n], 0) end as fraction,
	case when i.graded and (m.came is not null or m.fractions[i.n] is not null) then coalesce(m.points[i.n], 0) end as points,
	i.max, l.g_started as started, l.g_ended as ended, l.box, l.g_at as at, l.received, l.school as school_id, l.g_stream as stream, l.g_epoch as epoch, l.g_seq as seq, i.kind,
	m.came is not null as present, m.came is not null and i.graded as asked, coalesce(p.person, m.pupil) as person, p.source, l.teacher, i.quiz, i.edition,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, i.n
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.item_rows i on i.row_id = l.id and i.school = l.school
join livelearn.mark_rows m on m.row_id = l.id and m.school = l.school
left join livelearn.persons p on p.school_id = m.school and p.box = m.box and p.pupil = m.pupil
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;

create or replace view livelearn.attendance as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, m.pupil, coalesce(m.name, p.name, '') as name, m.came is not null as present, m.came,
	round(m.ms::numeric / 60000, 1) as minutes, l.g_started as started, l.g_ended as ended, l.box, l.received, l.school as school_id, m.ms,
	coalesce(p.person, m.pupil) as person, p.source, l.teacher, m.asked, m.answered, m.rate as fractions, m.total as points, m.max,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, m.graded
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.mark_rows m on m.row_id = l.id and m.school = l.school
left join livelearn.persons p on p.school_id = m.school and p.box = m.box and p.pupil = m.pupil
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;

create or replace view livelearn.questions as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, i.item, i.question, i.kind, i.graded, i.max, i.quiz, i.edition,
	case when i.graded then l.present else 0 end as asked, i.answered, i.fractions, i.points, i.fractions / nullif(i.answered, 0) as mean,
	l.g_started as started, l.teacher, l.box, l.school as school_id,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, i.n, l.g_ended as ended, l.received
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.item_rows i on i.row_id = l.id and i.school = l.school
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;

-- +goose Down
drop view livelearn.pupil_weeks;
create or replace view livelearn.results as
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
create or replace view livelearn.attendance as
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
create or replace view livelearn.questions as
select s.name as school, l.class, l.class_name, l.lesson, l.title_graded as title, i.item, i.question, i.kind, i.graded, i.max, i.quiz, i.edition,
	case when i.graded then l.present else 0 end as asked, i.answered, i.fractions, i.points, i.fractions / nullif(i.answered, 0) as mean,
	l.g_started as started, l.teacher, l.box, l.school as school_id,
	coalesce(c.class_key, l.class) as class_key, l.id as row_id, i.n, l.g_ended as ended, l.received
from livelearn.lesson_rows l
join livelearn.schools s on s.id = l.school
join livelearn.item_rows i on i.row_id = l.id
left join livelearn.classes c on c.school_id = l.school and c.box = l.box and c.class = l.class
where l.g_seq is not null;
revoke all on livelearn.persons from livelearn_read;
drop trigger take_marks on livelearn.mark_rows;
drop trigger add_marks on livelearn.mark_rows;
drop trigger date_mark on livelearn.mark_rows;
drop function livelearn.rebuild_weeks, livelearn.take_marks, livelearn.add_marks, livelearn.date_mark;
drop table livelearn.week_rows;
alter table livelearn.mark_rows drop column week;
