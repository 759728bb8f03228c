-- Where the results of a school go by themselves: statements to a learning record store, files to
-- a school's system. A node takes a push whose time has come, and the cursor moves when the other
-- side has what is before it.

-- +goose Up
create table livelearn.pushes (
	school    int not null references livelearn.schools,
	kind      text collate "C" not null check (kind in ('xapi', 'oneroster')),
	address   text not null,
	login     text not null default '',
	secret    text not null default '', -- in plain: the node needs it to sign in
	host_key  text not null default '', -- of an SFTP server
	home      text not null default '', -- address of the cloud in statements
	every     interval not null,
	cursor    text not null default '', -- a bookmark of pg.Statements, which is in the order of commits
	sent      bigint not null default 0,
	refused   bigint not null default 0,
	failures  int not null default 0, -- in a row
	problem   text not null default '',
	tried     timestamptz,
	succeeded timestamptz,
	next      timestamptz not null default now(),
	primary key (school, kind)
);
create index on livelearn.pushes (next);

-- +goose Down
drop table livelearn.pushes;
