-- Operators: people who sign in on the pages of a node. Tokens stay for programs. Every deed of an
-- operator is in livelearn.audit. A school decides after how many hours a box counts as silent, and
-- a box may have a name here that differs from the one that it reports.

-- +goose Up
create table livelearn.operators (
	name          text collate "C" primary key check (name <> ''),
	school        int references livelearn.schools, -- null: all schools
	password      text,           -- argon2id; null until the operator chose one
	totp          text,           -- the shared secret of RFC 6238, which the node needs in plain
	totp_step     bigint not null default 0, -- of the last code: a code works once
	setup         bytea,          -- hash of the code for the first sign-in; null once it was used
	setup_expires timestamptz,
	failures      int not null default 0, -- wrong codes after the right password, in a row
	blocked       timestamptz,    -- no code is tried before
	created       timestamptz not null default now(),
	signed_in     timestamptz
);

create table livelearn.operator_sessions (
	hash     bytea primary key,
	operator text collate "C" not null references livelearn.operators on delete cascade,
	expires  timestamptz not null,
	seen     timestamptz not null default now()
);
create index on livelearn.operator_sessions (operator);

-- The name of the school stays when the school is removed.
create table livelearn.audit (
	id          bigint generated always as identity primary key,
	at          timestamptz not null default now(),
	operator    text not null,
	address     text not null,
	school      int,
	school_name text not null,
	action      text not null,
	object      text not null,
	detail      text not null
);
create index on livelearn.audit (school, id);
create index on livelearn.audit (at);

alter table livelearn.schools add column silent_hours int not null default 72 check (silent_hours between 1 and 8760);
alter table livelearn.boxes add column label text not null default '';

create or replace view livelearn.boxes_seen as
select b.id as box, case when b.label <> '' then b.label else b.name end as name, s.name as school, b.version, greatest(b.seen, w.seen) as seen, b.enrolled, b.revoked, b.login is not null as direct,
	greatest(case when w.incarnation = b.incarnation then b.position end, w.pos, 0) as position, coalesce(w.pos, 0) as watermark, greatest(case when w.incarnation is null or w.incarnation = b.incarnation then b.position - coalesce(w.pos, 0) end, 0) as behind,
	coalesce(w.facts, 0) as facts, (select count(*) from livelearn.dead_letters d where d.box = b.id and d.resolved is null) as dead,
	(select count(*) from livelearn.watermarks o where o.box = b.id and o.incarnation <> w.incarnation) as past, r.payload as report, r.at as reported, b.school as school_id,
	b.name as own_name, s.silent_hours
from livelearn.boxes b
join livelearn.schools s on s.id = b.school
left join lateral (select * from livelearn.watermarks w where w.box = b.id order by (w.incarnation = b.incarnation) desc nulls last, w.seen desc limit 1) w on true
left join lateral (select f.payload, f.at from livelearn.facts_at f where f.school_id = b.school and f.box = b.id and f.stream = 'report@' || b.id and f.kind = 'box.reported'
	order by f.epoch desc, f.seq desc limit 1) r on true;
comment on column livelearn.boxes_seen.own_name is 'the name that the box reports; name may be one that an operator gave';
comment on column livelearn.boxes_seen.silent_hours is 'after how many hours without contact the box counts as silent';

-- +goose Down
drop view livelearn.boxes_seen;
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
grant select on livelearn.boxes_seen to livelearn_read;
alter table livelearn.boxes drop column label;
alter table livelearn.schools drop column silent_hours;
drop table livelearn.audit, livelearn.operator_sessions, livelearn.operators;
