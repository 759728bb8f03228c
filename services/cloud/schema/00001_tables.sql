-- The tables. Facts are immutable: only an erasure or the end of their retention empties them.
-- All objects are in the schema livelearn.
--
-- Random uint64 numbers (boot, incarnation) are stored as the bigint with the same bits.

-- +goose Up
create schema livelearn;
comment on schema livelearn is 'Facts of LiveLearn boxes. Query the views; only the program writes the tables.';

create table livelearn.schools (
	id           int generated always as identity primary key,
	name         text collate "C" not null unique check (name <> ''),
	policy       jsonb not null default '{}',
	chat_days    int not null default 30 check (chat_days between 1 and 36500),
	results_days int not null default 455 check (results_days between 1 and 36500),
	down_n       bigint not null default 0,
	created      timestamptz not null default now()
);

create table livelearn.boxes (
	id          text collate "C" primary key check (id <> ''),
	school      int not null references livelearn.schools,
	name        text not null default '',
	version     text not null default '',
	format      int not null default 0,
	key         bytea,
	login       name unique,
	incarnation bigint,
	position    bigint not null default 0,
	enrolled    timestamptz not null default now(),
	revoked     timestamptz,
	seen        timestamptz
);
create index on livelearn.boxes (school);

create table livelearn.codes (
	hash    bytea primary key,
	school  int not null references livelearn.schools,
	expires timestamptz not null,
	used    timestamptz,
	box     text
);

create table livelearn.tokens (
	hash    bytea primary key,
	name    text not null,
	school  int references livelearn.schools,
	may     text[] not null,
	created timestamptz not null default now(),
	revoked timestamptz
);

create table livelearn.secrets (
	name  text primary key,
	value bytea not null
);

-- wall is part of the key, because Postgres requires the partition column in it. A fact's wall
-- never changes, and ingest() also looks for an identity under another wall.
-- The numbers come first, so that a row has no padding.
create table livelearn.facts (
	epoch       bigint not null,
	seq         bigint not null,
	incarnation bigint not null,
	pos         bigint not null,
	boot        bigint not null,
	mono        bigint not null,
	wall        timestamptz not null,
	received    timestamptz not null default now(),
	school      int not null,
	version     smallint not null,
	trusted     bool not null,
	stream      text collate "C" not null,
	box         text collate "C" not null,
	kind        text collate "C" not null,
	author      text collate "C",
	command     text collate "C",
	payload     jsonb,
	primary key (school, stream, epoch, seq, wall)
) partition by range (wall);

-- Each index slows down every insert. This one holds only the few facts that the views look for.
create index facts_rare on livelearn.facts (school, kind, stream, epoch, seq)
	where kind in ('lesson.started', 'lesson.ended', 'lesson.graded', 'class.listed');

-- livelearn.ensure_month creates months on demand. Facts of a box with a clock that is years off
-- go here. The check saves a scan when a month is attached.
create table livelearn.facts_undated partition of livelearn.facts default;
alter table livelearn.facts_undated add constraint undated
	check (wall < '2026-01-01 00:00:00+00' or wall >= '2047-01-01 00:00:00+00');

-- The highest number of each stream and epoch. A fact with a higher number is new for sure.
create table livelearn.streams (
	school int not null,
	stream text collate "C" not null,
	epoch  bigint not null,
	top    bigint not null,
	before bigint not null, -- top before the last batch
	primary key (school, stream, epoch)
);

create table livelearn.anchors (
	school int not null,
	box    text collate "C" not null,
	boot   bigint not null,
	mono   bigint not null,
	wall   bigint not null, -- milliseconds since 1970
	primary key (school, box, boot)
);

create table livelearn.watermarks (
	box         text collate "C" not null references livelearn.boxes,
	incarnation bigint not null,
	pos         bigint not null default 0,
	mark        bigint not null default 0,
	facts       bigint not null default 0,
	seen        timestamptz not null default now(),
	primary key (box, incarnation)
);

create table livelearn.dead_letters (
	id          bigint generated always as identity primary key,
	school      int not null references livelearn.schools,
	box         text collate "C" not null references livelearn.boxes,
	incarnation bigint not null,
	pos         bigint not null,
	stream      text collate "C" not null,
	epoch       bigint not null,
	seq         bigint not null,
	boot        bigint not null,
	mono        bigint not null,
	kind        text collate "C" not null,
	code        text not null,
	text        text not null,
	body        bytea, -- the fact as JSON. It is bytea, because Postgres refused the fact.
	at          timestamptz not null default now(),
	resolved    timestamptz,
	how         text,
	unique (school, stream, epoch, seq, boot, mono)
);
create index on livelearn.dead_letters (box) where resolved is null;

create table livelearn.down (
	school  int not null references livelearn.schools,
	kind    text collate "C" not null,
	id      text collate "C" not null,
	n       bigint not null,
	version int not null default 1,
	gone    bool not null default false,
	data    jsonb,
	at      timestamptz not null default now(),
	primary key (school, kind, id),
	unique (school, n)
);

create table livelearn.erased (
	school int not null references livelearn.schools,
	pupil  text collate "C" not null check (pupil <> ''),
	at     timestamptz not null default now(),
	primary key (school, pupil)
);

-- +goose Down
drop schema livelearn cascade;
