-- Staged updates. An operator names a release and its stages. The boxes of a stage get an item each
-- through their links, and report what becomes of it. The item names a bundle and is no permission:
-- the box installs only what is signed for it and newer than what it has had.

-- +goose Up
create table livelearn.releases (
	id      bigint generated always as identity primary key,
	board   text collate "C" not null check (board <> ''),
	version text collate "C" not null check (version <> ''),
	build   bigint not null check (build > 0),
	url     text not null,
	notes   text not null default '',
	added   timestamptz not null default now(),
	unique (board, build)
);

create table livelearn.rollouts (
	id      bigint generated always as identity primary key,
	release bigint not null references livelearn.releases,
	school  int references livelearn.schools on delete cascade, -- null: all schools
	stages  text[] not null,
	stage   int not null default 1, -- the present one, from 1
	state   text not null default 'running' check (state in ('running', 'stopped', 'done')),
	why     text not null default '', -- it is stopped
	night   bool not null,
	try     int not null default 1,
	started timestamptz not null default now(),
	changed timestamptz not null default now()
);
create index on livelearn.rollouts (state) where state <> 'done';

-- The boxes of a rollout. The first columns are its plan, the others what the box reported.
create table livelearn.rollout_boxes (
	rollout  bigint not null references livelearn.rollouts on delete cascade,
	box      text collate "C" not null references livelearn.boxes on delete cascade,
	stage    int not null,
	offered  timestamptz,                 -- null: not yet, or taken back
	excused  bool not null default false, -- it failed, and an operator went on without it
	state    text not null default '',    -- empty: the box reported nothing
	code     text not null default '',
	reason   text not null default '',
	reported timestamptz,
	primary key (rollout, box)
);
create index on livelearn.rollout_boxes (box);

-- +goose StatementBegin
-- note_progress keeps what a box reports of its update. A box may report anything.
create function livelearn.note_progress() returns trigger
	language plpgsql security definer set search_path = livelearn, pg_temp as $$
begin
	update rollout_boxes r set state = coalesce(left(new.payload ->> 'state', 40), ''), code = coalesce(left(new.payload ->> 'code', 60), ''),
		reason = coalesce(left(new.payload ->> 'reason', 300), ''), reported = clock_timestamp()
	from rollouts o join releases l on l.id = o.release
	where o.id = r.rollout and r.box = new.box and r.offered is not null and o.state <> 'done' and new.stream = 'report@' || new.box
		and l.build = whole(new.payload -> 'build') and o.try = coalesce(nullif(whole(new.payload -> 'try'), 0), 1);
	return null;
end $$;
-- +goose StatementEnd

create trigger note_progress after insert on livelearn.facts for each row
	when (new.kind = 'update.progressed') execute function livelearn.note_progress();

-- +goose StatementBegin
-- offer_update puts the item of a rollout for each of its boxes that waits for it in the stages so
-- far, or takes it back from the boxes that have not installed it. It returns the number of boxes.
create function livelearn.offer_update(p_rollout bigint, p_gone bool) returns int
	language plpgsql set search_path = livelearn, pg_temp as $$
declare
	v_item record;
	n int := 0;
begin
	for v_item in
		select r.box, b.school, jsonb_build_object('version', l.version, 'build', l.build, 'url', l.url, 'when', case when o.night then 'night' else 'idle' end, 'try', o.try) as data
		from rollout_boxes r join rollouts o on o.id = r.rollout join releases l on l.id = o.release join boxes b on b.id = r.box
		where o.id = p_rollout and r.stage <= o.stage and r.state <> 'installed' and not r.excused and (r.offered is not null) = p_gone
		order by b.school, r.box
	loop
		perform put_item(v_item.school, 'update', v_item.box, case when not p_gone then v_item.data end, p_gone);
		update down set box = v_item.box where school = v_item.school and kind = 'update' and id = v_item.box;
		update rollout_boxes set offered = case when not p_gone then clock_timestamp() end, state = case when p_gone and state <> 'failed' then '' else state end
		where rollout = p_rollout and box = v_item.box;
		n := n + 1;
	end loop;
	return n;
end $$;
-- +goose StatementEnd

revoke all on function livelearn.note_progress, livelearn.offer_update from public;

-- +goose Down
drop function livelearn.offer_update;
drop trigger note_progress on livelearn.facts;
drop function livelearn.note_progress;
drop table livelearn.rollout_boxes, livelearn.rollouts, livelearn.releases;
delete from livelearn.down where kind = 'update';
