-- Tables of lessons, marks and names. They are made of the facts, and triggers keep them up to
-- date in the transaction of the facts. The facts stay the truth: livelearn.rebuild makes the
-- tables again. The views read the tables, so that the price of a question does not depend on the
-- number of facts.
--
-- arrivals is not made of the facts: it has the order in which gradings were committed.

-- +goose Up

-- The newest state of each lesson. A lesson has a start, a grading, or both.
create table livelearn.lesson_rows (
	id           bigint generated always as identity primary key,
	school       int not null,
	lesson       text collate "C" not null,
	box          text collate "C" not null default '',
	title        text not null default '',
	teacher      text collate "C",
	stream       text collate "C", -- the facts of the lesson: from (epoch, seq) to before (end_epoch, end_seq)
	epoch        bigint,
	seq          bigint,
	end_epoch    bigint not null default 9223372036854775807,
	end_seq      bigint not null default 9223372036854775807,
	started      timestamptz,
	ended        timestamptz,
	undated      bool not null default false, -- an anchor may change the times
	class        text collate "C",
	class_name   text not null default '',
	title_graded text not null default '',
	g_stream     text collate "C", -- the newest grading
	g_epoch      bigint,
	g_seq        bigint,
	g_started    timestamptz,
	g_ended      timestamptz,
	g_at         timestamptz,
	received     timestamptz, -- the grading; in the order of commits
	roster       int not null default 0, -- pupils on the list
	present      int not null default 0,
	asked        int not null default 0, -- graded questions of all who were present
	answered     int not null default 0,
	fractions    float8 not null default 0, -- sum over the answers
	points       float8 not null default 0,
	unique (school, lesson)
) with (fillfactor = 70);
create index on livelearn.lesson_rows (school, stream, epoch, seq);
create index on livelearn.lesson_rows (school, g_started);
create index on livelearn.lesson_rows (lesson);
create index on livelearn.lesson_rows (school, box) where undated;

create table livelearn.item_rows (
	row_id    bigint not null,
	n         smallint not null,
	school    int not null,
	graded    bool not null,
	max       float8 not null,
	answered  int not null default 0,
	fractions float8 not null default 0,
	points    float8 not null default 0,
	item      text collate "C" not null,
	kind      text collate "C" not null,
	question  text not null,
	quiz      text collate "C", -- where the question comes from
	edition   text collate "C", -- of the quiz: the same content has the same edition on all boxes
	primary key (row_id, n)
);
create index on livelearn.item_rows (school, quiz) where quiz is not null;

-- One row for each pupil of a lesson. The arrays have an element for each item.
create table livelearn.mark_rows (
	row_id    bigint not null,
	school    int not null,
	graded    smallint not null, -- questions
	asked     smallint not null, -- graded, or 0 for who was absent
	answered  smallint not null, -- graded
	ms        bigint not null,
	came      timestamptz,
	total     float8 not null, -- points
	max       float8 not null, -- of the graded questions
	rate      float8 not null, -- sum of the fractions
	pupil     text collate "C" not null,
	box       text collate "C" not null,
	name      text, -- at the time of the lesson; null: no list has the pupil
	fractions float8[] not null, -- null: no answer
	points    float8[] not null,
	primary key (row_id, pupil)
);
create index on livelearn.mark_rows (school, pupil);

-- What the lists of a box said of a class and of a pupil, and from which list on.
create table livelearn.class_rows (
	school int not null,
	box    text collate "C" not null,
	class  text collate "C" not null,
	epoch  bigint not null,
	seq    bigint not null,
	wall   timestamptz not null,
	name   text not null,
	source text collate "C" not null,
	gone   bool not null default false,
	newest bool not null default true,
	primary key (school, box, class, epoch, seq)
);
create index on livelearn.class_rows (school, box, class) where newest;
create table livelearn.name_rows (
	school int not null,
	box    text collate "C" not null,
	class  text collate "C" not null,
	pupil  text collate "C" not null,
	epoch  bigint not null,
	seq    bigint not null,
	name   text not null,
	source text collate "C" not null,
	listed bool not null, -- false: no longer in the class
	primary key (school, box, pupil, class, epoch, seq)
);

-- The person that a pupil of a box is. Pupils of one person have the same key: their id in the
-- list of the school or, without one, what an operator decided.
create table livelearn.people (
	school int not null,
	box    text collate "C" not null,
	pupil  text collate "C" not null,
	name   text not null,
	source text collate "C" not null,
	primary key (school, box, pupil)
);
create index on livelearn.people (source) where source <> '';

-- Decisions of an operator. They are no facts, and a rebuild keeps them.
create table livelearn.matches (
	school int not null,
	pupil  text collate "C" not null,
	person text collate "C" not null check (person <> ''),
	primary key (school, pupil)
);
create index on livelearn.matches (person);

-- The gradings in the order in which they were committed. pupils and lesson are cut, so that any
-- length fits into an index. prefix has the first 48 bits of the ids of the statements; old: they
-- are of the time before that.
create table livelearn.arrivals (
	stored timestamptz not null,
	epoch  bigint not null,
	seq    bigint not null,
	wall   timestamptz not null,
	prefix bigint not null,
	school int not null,
	old    bool not null default false,
	stream text collate "C" not null,
	lesson text collate "C" not null,
	pupils text[] not null,
	primary key (school, stream, epoch, seq)
);
-- The index of each kind of page requires a condition that only its query has. Else a planner
-- without statistics may take another index with the same columns and read all of it.
create index arrivals_all on livelearn.arrivals (stored, school, stream, epoch, seq) where school > 0;
create index arrivals_school on livelearn.arrivals (school, stored, stream, epoch, seq) where stored > '-infinity';
create index on livelearn.arrivals (lesson, school, stream, epoch, seq);
create index on livelearn.arrivals (prefix);
create index on livelearn.arrivals (school) where old;
create index on livelearn.arrivals using gin (pupils);

-- The time of the last commit with a grading. Who moves it holds its lock until the commit is
-- over, so times become visible in order: whoever has seen one has seen all before it.
create table livelearn.last_arrival (
	only_one bool primary key default true check (only_one),
	stored   timestamptz not null
) with (fillfactor = 10);

drop index livelearn.facts_rare;
create index facts_rare on livelearn.facts (school, kind, stream, epoch, seq) where kind in ('lesson.started', 'lesson.ended', 'class.listed', 'quiz.loaded');
create index facts_lesson on livelearn.facts ((left(payload ->> 'lesson', 255)), school, kind, epoch, seq) where kind in ('lesson.started', 'lesson.ended');
drop index livelearn.facts_graded;
drop index livelearn.facts_graded_school;
drop index livelearn.facts_graded_pupils;

-- +goose StatementBegin
create function livelearn.prefix_of(p_school int, p_stream text, p_epoch bigint, p_seq bigint) returns bigint
	language sql immutable parallel safe
	return ('x' || substr(md5(concat_ws('|', p_school, p_stream, p_epoch, p_seq)), 1, 12))::bit(48)::bigint;

-- statement_id makes the id of a statement (RFC 9562 version 8): the prefix finds the grading.
create function livelearn.statement_id(p_prefix bigint, p_name text) returns uuid
	language sql immutable parallel safe
	return (select (lpad(to_hex(p_prefix), 12, '0') || '8' || substr(h, 1, 3) || 'a' || substr(h, 4, 15))::uuid from (select md5(p_name) h) x);

-- owned reports whether a box may speak of an object of the school.
create function livelearn.owned(p_school int, p_what text, p_id text, p_box text) returns bool
	language sql stable set search_path = livelearn, pg_temp
	return not exists (select from livelearn.owners w where w.school = p_school and w.what = p_what and w.id = p_id and w.box <> p_box);

-- name_at returns the name of a pupil at a place of the box's stream of reports: by the last list
-- before it, or by the first after it.
create function livelearn.name_at(p_school int, p_box text, p_pupil text, p_epoch bigint, p_seq bigint) returns text
	language sql stable set search_path = livelearn, pg_temp
	return (select n.name from livelearn.name_rows n where n.school = p_school and n.box = p_box and n.pupil = p_pupil and n.listed
		order by (n.epoch, n.seq) < (p_epoch, p_seq) desc, case when (n.epoch, n.seq) < (p_epoch, p_seq) then -n.epoch else n.epoch end,
			case when (n.epoch, n.seq) < (p_epoch, p_seq) then -n.seq else n.seq end limit 1);

create function livelearn.class_name_at(p_school int, p_box text, p_class text, p_epoch bigint, p_seq bigint) returns text
	language sql stable set search_path = livelearn, pg_temp
	return (select n.name from livelearn.class_rows n where n.school = p_school and n.box = p_box and n.class = p_class and not n.gone
		order by (n.epoch, n.seq) < (p_epoch, p_seq) desc, case when (n.epoch, n.seq) < (p_epoch, p_seq) then -n.epoch else n.epoch end,
			case when (n.epoch, n.seq) < (p_epoch, p_seq) then -n.seq else n.seq end limit 1);
-- +goose StatementEnd

-- The functions below read by an index only. A plan of the time when a table was small would else
-- read all of it for as long as the connection lives.

-- +goose StatementBegin
-- mark_lesson makes the rows of the items and marks of a lesson from a grading.
create function livelearn.mark_lesson(p_id bigint, g livelearn.facts, p_shift interval, p_first_epoch bigint, p_first_seq bigint) returns void
	language plpgsql set search_path = livelearn, pg_temp set enable_seqscan = off as $$
declare
	l lesson_rows;
	v_items text[];
	v_graded bool[];
	v_asked int;
	v_max float8;
begin
	select * into l from lesson_rows where id = p_id;
	delete from item_rows where row_id = p_id;
	delete from mark_rows where row_id = p_id;
	insert into item_rows (row_id, n, school, item, kind, question, graded, max, quiz, edition)
	select p_id, row_number() over (order by x.o), g.school, x.i ->> 'id', coalesce(x.i ->> 'kind', ''), coalesce(x.i ->> 'title', ''), yes(x.i -> 'graded'),
		coalesce(livelearn.real(x.i -> 'points'), 0), q.quiz, q.edition
	from (select distinct on (i ->> 'id') i, o from jsonb_array_elements(case jsonb_typeof(g.payload -> 'items') when 'array' then g.payload -> 'items' else '[]' end)
			with ordinality e (i, o) where i ->> 'id' <> '' order by i ->> 'id', o limit 1000) x
	left join (select distinct on (i ->> 'id') i ->> 'id' as item, f.payload ->> 'id' as quiz, left(md5((f.payload -> 'items')::text), 8) as edition
		from facts f, jsonb_path_query(f.payload, '$.items[*]') i
		where f.school = g.school and f.kind = 'quiz.loaded' and f.stream = l.stream and (f.epoch, f.seq) > (l.epoch, l.seq) and (f.epoch, f.seq) < (l.end_epoch, l.end_seq)
		order by i ->> 'id', f.epoch desc, f.seq desc) q on q.item = x.i ->> 'id';
	select array_agg(i.item order by n), array_agg(i.graded order by n), count(*) filter (where i.graded), coalesce(sum(i.max) filter (where i.graded), 0)
		into v_items, v_graded, v_asked, v_max from item_rows i where row_id = p_id;
	insert into mark_rows (row_id, school, box, pupil, name, came, ms, graded, asked, answered, fractions, points, total, max, rate)
	select p_id, g.school, g.box, x.pupil, name_at(g.school, g.box, x.pupil, p_first_epoch, p_first_seq), x.came, x.ms, v_asked, case when x.came is not null then v_asked else 0 end,
		m.answered, m.fractions, m.points, m.total, v_max, m.rate
	from (select distinct on (p ->> 'pupil') p ->> 'pupil' as pupil, coalesce(whole(p -> 'ms'), 0) as ms, p -> 'marks' as marks,
			case when whole(p -> 'came') > 0 then stamp(whole(p -> 'came')) + p_shift end as came
		from jsonb_path_query(g.payload, '$.pupils[*]') p where length(p ->> 'pupil') between 1 and 255 order by p ->> 'pupil' limit 2000) x
	cross join lateral (select count(*) filter (where y.m is not null and y.graded) as answered,
			coalesce(array_agg(case when y.m is not null then coalesce(livelearn.real(y.m -> 'fraction'), 0) end order by y.o), '{}') as fractions,
			coalesce(array_agg(case when y.m is not null then coalesce(livelearn.real(y.m -> 'points'), 0) end order by y.o), '{}') as points,
			coalesce(sum(livelearn.real(y.m -> 'points')) filter (where y.graded), 0) as total, coalesce(sum(livelearn.real(y.m -> 'fraction')) filter (where y.graded), 0) as rate
		from (select o, u.graded, x.marks -> u.item as m from unnest(v_items, v_graded) with ordinality u (item, graded, o)) y) m;
	update item_rows i set answered = x.answered, fractions = x.fractions, points = x.points
	from (select o as n, count(u.f) as answered, coalesce(sum(u.f), 0) as fractions, coalesce(sum(u.p), 0) as points
		from mark_rows m, unnest(m.fractions, m.points) with ordinality u (f, p, o) where m.row_id = p_id group by o) x
	where i.row_id = p_id and i.n = x.n;
	update lesson_rows r set roster = x.roster, present = x.present, asked = x.asked, answered = x.answered, fractions = x.fractions, points = x.points
	from (select count(*) as roster, count(came) as present, coalesce(sum(m.asked), 0) as asked, coalesce(sum(m.answered), 0) as answered,
		coalesce(sum(m.rate), 0) as fractions, coalesce(sum(m.total), 0) as points from mark_rows m where m.row_id = p_id) x where r.id = p_id;
end $$;
-- +goose StatementEnd

-- +goose StatementBegin
-- newest_grading returns the grading of a lesson that counts.
create function livelearn.newest_grading(p_school int, p_lesson text) returns livelearn.facts
	language sql stable set search_path = livelearn, pg_temp
	as $$ select x from (select distinct on (f.stream) f from facts f
		where f.kind = 'lesson.graded' and f.school = p_school and left(f.payload ->> 'lesson', 255) = p_lesson and f.payload ->> 'lesson' = p_lesson
			and jsonb_typeof(f.payload -> 'pupils') = 'array' and owned(p_school, 'lesson', p_lesson, f.box) and owned(p_school, 'class', f.payload ->> 'class', f.box)
		order by f.stream, f.epoch desc, f.seq desc) x (x) order by (x).received desc, (x).epoch desc, (x).seq desc limit 1 $$;

-- refresh_lesson makes the rows of a lesson again from its facts.
create function livelearn.refresh_lesson(p_school int, p_id text) returns void
	language plpgsql set search_path = livelearn, pg_temp set enable_seqscan = off as $$
declare
	p_lesson text collate "default" := p_id; -- of the index; a parameter has the collation of the caller
	v_id bigint;
	b facts;
	e facts;
	g facts;
	a anchors;
	v_first facts;
	v_at timestamptz;
	v_shift interval;
	v_undated bool := false;
begin
	if coalesce(length(p_lesson), 0) not between 1 and 255 then
		return;
	end if;
	-- The lock on the row orders two that refresh one lesson.
	insert into lesson_rows (school, lesson) values (p_school, p_lesson)
		on conflict (school, lesson) do update set lesson = excluded.lesson returning id into v_id;
	select f.* into b from facts f where f.kind = 'lesson.started' and f.school = p_school and left(f.payload ->> 'lesson', 255) = p_lesson
		and f.payload ->> 'lesson' = p_lesson and owned(p_school, 'lesson', p_lesson, f.box) order by f.epoch, f.seq limit 1;
	g := newest_grading(p_school, p_lesson);
	if b.kind is null and g.kind is null then
		delete from item_rows where row_id = v_id;
		delete from mark_rows where row_id = v_id;
		delete from lesson_rows where id = v_id;
		return;
	end if;
	if b.kind is not null then
		select f.* into e from facts f where f.kind = 'lesson.ended' and f.school = p_school and left(f.payload ->> 'lesson', 255) = p_lesson
			and f.payload ->> 'lesson' = p_lesson and f.stream = b.stream and (f.epoch, f.seq) > (b.epoch, b.seq) order by f.epoch, f.seq limit 1;
		v_undated := not b.trusted or coalesce(not e.trusted, false);
		select * into a from anchors x where x.school = p_school and x.box = b.box and x.boot = b.boot;
		v_at := corrected(b.wall, b.trusted, b.mono, a.wall, a.mono);
		a := null;
		select * into a from anchors x where x.school = p_school and x.box = e.box and x.boot = e.boot;
		update lesson_rows set box = b.box, title = coalesce(b.payload ->> 'title', ''), teacher = b.author, stream = b.stream, epoch = b.epoch, seq = b.seq,
			started = v_at, ended = corrected(e.wall, e.trusted, e.mono, a.wall, a.mono), end_epoch = default, end_seq = default where id = v_id;
		-- The lesson ends at its end or, if that is lost, where the next one of the room begins.
		update lesson_rows l set end_epoch = x.epoch, end_seq = x.seq
		from (select f.epoch, f.seq from facts f where f.school = p_school and f.kind in ('lesson.ended', 'lesson.started') and f.stream = b.stream
				and (f.epoch, f.seq) > (b.epoch, b.seq) and (f.kind = 'lesson.ended' or f.payload ->> 'lesson' <> p_lesson) order by f.epoch, f.seq limit 1) x
		where l.id = v_id;
		update lesson_rows set end_epoch = b.epoch, end_seq = b.seq where school = p_school and stream = b.stream
			and (epoch, seq) < (b.epoch, b.seq) and (end_epoch, end_seq) > (b.epoch, b.seq);
	else
		update lesson_rows set stream = null, epoch = null, seq = null, started = null, ended = null, teacher = null where id = v_id;
	end if;
	if g.kind is null then
		delete from item_rows where row_id = v_id;
		delete from mark_rows where row_id = v_id;
		update lesson_rows set undated = v_undated, class = null, class_name = '', g_stream = null, g_epoch = null, g_seq = null, g_started = null, g_ended = null,
			g_at = null, received = null, roster = 0, present = 0, asked = 0, answered = 0, fractions = 0, points = 0 where id = v_id;
		return;
	end if;
	select * into a from anchors x where x.school = p_school and x.box = g.box and x.boot = g.boot;
	v_at := corrected(g.wall, g.trusted, g.mono, a.wall, a.mono);
	v_shift := v_at - g.wall;
	-- The names are those of the first grading. A later one only corrects the marks.
	select f.* into v_first from facts f where f.kind = 'lesson.graded' and f.school = p_school and left(f.payload ->> 'lesson', 255) = p_lesson
		and f.stream = g.stream order by f.epoch, f.seq limit 1;
	update lesson_rows set box = g.box, undated = v_undated or not g.trusted, class = g.payload ->> 'class', title_graded = coalesce(g.payload ->> 'title', ''),
		class_name = coalesce(class_name_at(p_school, g.box, g.payload ->> 'class', v_first.epoch, v_first.seq), ''),
		g_stream = g.stream, g_epoch = g.epoch, g_seq = g.seq, g_at = v_at, g_started = coalesce(stamp(whole(g.payload -> 'started')) + v_shift, v_at),
		g_ended = coalesce(stamp(whole(g.payload -> 'ended')) + v_shift, v_at),
		received = (select x.stored from arrivals x where x.school = p_school and x.stream = g.stream and x.epoch = g.epoch and x.seq = g.seq)
	where id = v_id;
	perform mark_lesson(v_id, g, v_shift, v_first.epoch, v_first.seq);
end $$;
-- +goose StatementEnd

-- +goose Down
drop function livelearn.refresh_lesson, livelearn.newest_grading, livelearn.mark_lesson, livelearn.class_name_at, livelearn.name_at, livelearn.owned,
	livelearn.statement_id, livelearn.prefix_of;
drop table livelearn.last_arrival, livelearn.arrivals, livelearn.matches, livelearn.people, livelearn.name_rows, livelearn.class_rows, livelearn.mark_rows,
	livelearn.item_rows, livelearn.lesson_rows;
