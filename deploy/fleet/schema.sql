-- Results, states and availability of all stations. `fleet.take` is the one way in. Can be run again and again.

create schema if not exists fleet;

-- A result of one signature, once, however often it was sent. `line` is the whole message.
create table if not exists fleet.result (
    station    text        not null,
    store      text        not null,
    result     bigint      not null,
    signature  text        not null,
    signed_at  timestamptz not null,
    signed_by  text        not null,
    sample     text        not null,
    counted    integer     not null,
    flags      text[]      not null,
    looked_at  integer,
    white      integer,
    checked    integer,
    agree      integer,
    line       jsonb       not null,
    received   timestamptz not null default clock_timestamp(),
    copies     integer     not null default 1,
    primary key (station, store, result, signature)
);
create index if not exists result_by_time on fleet.result (signed_at);
create index if not exists result_by_sample on fleet.result (sample);

-- The newest state of each station.
create table if not exists fleet.state (
    station text primary key,
    time    timestamptz not null,
    phase   text        not null,
    counted integer     not null,
    trouble text,
    verdict text,
    focus   real,
    line    jsonb       not null,
    heard   timestamptz not null default clock_timestamp()
);

-- One row a minute of each station that counts: focus and quality over time.
create table if not exists fleet.health (
    station text        not null,
    minute  timestamptz not null,
    verdict text,
    focus   real,
    trouble text,
    primary key (station, minute)
);

-- Each change between online and offline; the last one holds.
create table if not exists fleet.availability (
    station text        not null,
    at      timestamptz not null default clock_timestamp(),
    online  boolean     not null,
    primary key (station, at)
);

-- Messages that were no such thing.
create table if not exists fleet.refused (
    at      timestamptz not null default clock_timestamp(),
    topic   text        not null,
    payload text        not null,
    why     text        not null
);

-- Takes one message. What cannot be read is kept in fleet.refused, so that it never stops the messages after it.
create or replace function fleet.take(topic text, payload text) returns void language plpgsql as $$
declare
    kind text := split_part(topic, '/', -1);
    line jsonb;
    place text := left(split_part(topic, '/', -2), 200);
begin
    if kind = 'availability' then
        insert into fleet.availability (station, online)
        select place, payload = 'online'
        where (select online from fleet.availability a where a.station = place order by at desc limit 1)
            is distinct from (payload = 'online');
        return;
    end if;
    line := payload::jsonb;
    if kind = 'result' and line->>'type' = 'final' then
        insert into fleet.result as r (station, store, result, signature, signed_at, signed_by, sample, counted, flags,
            looked_at, white, checked, agree, line)
        values (place, line->>'store', (line->>'result')::bigint,
            coalesce(line#>>'{signature,sha256}', line#>>'{signature,at}'),
            (line#>>'{signature,at}')::timestamptz, line#>>'{signature,by}', line->>'sample', (line->>'counted')::integer,
            array(select jsonb_array_elements_text(line->'flags')), (line#>>'{looked_at,cells}')::integer,
            (line->>'WBC')::integer, (line#>>'{camera_check,cells}')::integer, (line#>>'{camera_check,agree}')::integer, line)
        on conflict (station, store, result, signature) do update set copies = r.copies + 1;
    elsif kind = 'state' then
        insert into fleet.state as s (station, time, phase, counted, trouble, verdict, focus, line)
        values (place, (line->>'time')::timestamptz, line->>'phase', (line->>'counted')::integer, line->>'trouble',
            line#>>'{quality,verdict}', (line#>>'{quality,focus}')::real, line)
        on conflict (station) do update set time = excluded.time, phase = excluded.phase, counted = excluded.counted,
            trouble = excluded.trouble, verdict = excluded.verdict, focus = excluded.focus, line = excluded.line,
            heard = clock_timestamp()
        where s.time <= excluded.time;
        insert into fleet.health (station, minute, verdict, focus, trouble)
        values (place, date_trunc('minute', clock_timestamp()), line#>>'{quality,verdict}',
            (line#>>'{quality,focus}')::real, line->>'trouble')
        on conflict do nothing;
    else
        raise data_exception using message = 'neither a signed result nor a state';
    end if;
exception when data_exception or integrity_constraint_violation then
    insert into fleet.refused (topic, payload, why) values (left(topic, 500), left(payload, 2000), sqlerrm);
end $$;

-- Whether each station is there, and how long it has been silent.
create or replace view fleet.presence as
select s.station, s.phase, s.counted, s.trouble, s.heard, coalesce(a.online, true) as online,
    extract(epoch from clock_timestamp() - greatest(s.heard, a.at)) as silent_seconds
from fleet.state s
left join lateral (
    select online, at from fleet.availability a where a.station = s.station order by at desc limit 1
) a on true;

-- Percentages of each class in each result, with their intervals.
create or replace view fleet.share as
select r.station, r.store, r.result, r.signed_at, r.sample, p.key as class, (p.value->>0)::real as percent,
    (p.value->>1)::real as low, (p.value->>2)::real as high
from fleet.result r, jsonb_each(r.line->'percent') p;
