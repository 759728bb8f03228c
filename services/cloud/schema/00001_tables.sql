-- +goose Up
create schema livelearn;

-- +goose Down
drop schema livelearn cascade;
