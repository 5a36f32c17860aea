-- What narratives remember, and posts under the names and columns that narratives from elsewhere read them by.
-- Owner: shared/content; the views are over tables of shared/posts.

create table botticelli.narrative_state (
  scope text not null,
  key text not null,
  value jsonb not null,
  updated_at timestamptz not null default now(),
  updated_by text not null,
  primary key (scope, key),
  constraint scope_is_known check (scope = 'global' or scope ~ '^(narrative|platform):.{1,200}$'),
  constraint key_is_short check (length(key) between 1 and 200)
) with (fillfactor = 80);

-- What is being reviewed is still undecided to whoever reads this. The score is that of the review.
create view botticelli.potential_discord_posts as
select post.id, post.text_content, post.content_type, post.source, post.tags, post.generated_at,
       origin.narrative as source_narrative, null::text as source_act, origin.model as generation_model,
       case post.status when 'in_review' then 'pending' else post.status end as review_status,
       post.curation_score::integer as rating
from botticelli.potential_posts as post
left join botticelli.content_metadata as origin on origin.potential_post_id = post.id;

-- Here `pending` means that it is to be published, and a row comes about when its post is approved.
create view botticelli.approved_discord_posts as
select post.id, post.text_content, post.content_type, post.source, post.tags, post.approved_at as generated_at,
       origin.narrative as source_narrative, null::text as source_act, origin.model as generation_model,
       case when post.posted_at is null then 'pending' else 'posted' end as review_status,
       post.curation_score::integer as rating, post.curation_score::bigint as curation_score, post.curation_notes
from botticelli.approved_posts as post
left join botticelli.content_metadata as origin on origin.potential_post_id = post.potential_post_id;

-- The tables of narratives that note who took a row and whose notes this role may change, by their name: `schema.table` in quotes.
create function botticelli.tables_of_pulls() returns setof text language sql stable as $$
  select format('%I.%I', space.nspname, relation.relname)
  from pg_catalog.pg_class as relation
  join pg_catalog.pg_namespace as space on space.oid = relation.relnamespace
  where space.nspname = 'botticelli' || '_content' and relation.relkind in ('r', 'p')
    and pg_catalog.has_schema_privilege(space.oid, 'usage')
    and exists (
      select from pg_catalog.pg_attribute as it
      where it.attrelid = relation.oid and not it.attisdropped and it.attname = 'id'
        and pg_catalog.has_column_privilege(relation.oid, it.attnum, 'select')
    )
    and (
      select count(*) from pg_catalog.pg_attribute as it
      where it.attrelid = relation.oid and not it.attisdropped
        and (it.attname, it.atttypid) in (
          ('pulled_at', 'timestamptz'::regtype), ('pulled_by', 'bigint'::regtype), ('pulled_for', 'text'::regtype)
        )
        and pg_catalog.has_column_privilege(relation.oid, it.attnum, 'select')
        and pg_catalog.has_column_privilege(relation.oid, it.attnum, 'update')
    ) = 3
  order by relation.relname
$$;

-- Those of some jobs that hold rows of tables. Locks nothing.
create function botticelli.jobs_with_pulled(jobs bigint[]) returns bigint[] language plpgsql stable
set lock_timeout = '5s' as $$
declare
  name text;
  here bigint[];
  held bigint[] := '{}';
begin
  for name in select botticelli.tables_of_pulls() loop
    begin
      execute format('select array(select distinct pulled_by from %s where pulled_by = any ($1))', name) into here using jobs;
      held := held || here;
    exception when others then
      raise warning 'whether jobs hold rows of table % could not be read: %', name, sqlerrm;
    end;
  end loop;
  return array(select distinct job from unnest(held) as job order by job);
end
$$;

-- Gives back the rows that some jobs took of tables, so that others get them, and gives their number. Tables come in the order of their
-- names and rows in that of their ids, as in all that changes several, so that nobody waits for each other. A table that fails, or is
-- locked for longer than five seconds, is left as it is, and keeps no other from being done.
create function botticelli.give_back_pulled(jobs bigint[]) returns bigint language plpgsql
set lock_timeout = '5s' as $$
declare
  name text;
  here bigint;
  given bigint := 0;
begin
  for name in select botticelli.tables_of_pulls() loop
    begin
      execute format(
        'with held as materialized (select id from %1$s where pulled_by = any ($1) order by id for update)
         update %1$s as t set pulled_at = null, pulled_by = null, pulled_for = null
         from held where t.id = held.id and t.pulled_by = any ($1)',
        name
      ) using jobs;
      get diagnostics here = row_count;
      given := given + here;
    exception when others then
      raise warning 'rows of table % could not be given back: %', name, sqlerrm;
    end;
  end loop;
  return given;
end
$$;
