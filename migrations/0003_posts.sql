-- What was said: potential posts, approved posts, where they come from, and their deliveries. Owner: shared/posts.

create table botticelli.potential_posts (
  id bigint generated always as identity primary key,
  text_content text not null,
  content_type text not null default 'post',
  source text not null,
  tags jsonb not null default '[]',
  status text not null default 'pending',
  generated_at timestamptz not null default now(),
  -- The job that wrote it, and which of its outputs this is.
  job_id bigint not null,
  output_no integer not null,
  -- The curation job that has it in hand, and until when it has to itself.
  review_job_id bigint,
  review_until timestamptz,
  reviewed_at timestamptz,
  curation_score smallint,
  curation_notes text,
  traceparent text,
  constraint one_post_per_job_output unique (job_id, output_no),
  constraint status_is_known check (status in ('pending', 'in_review', 'approved', 'rejected')),
  constraint reviewer_iff_in_review check ((status = 'in_review') = (review_until is not null)),
  constraint text_is_not_blank check (text_content ~ '\S')
);

create index potential_posts_open on botticelli.potential_posts (id) where status in ('pending', 'in_review');

create table botticelli.approved_posts (
  id bigint generated always as identity primary key,
  potential_post_id bigint not null references botticelli.potential_posts (id),
  text_content text not null,
  content_type text not null,
  source text not null,
  tags jsonb not null,
  curation_score smallint not null,
  curation_notes text not null,
  approved_at timestamptz not null default now(),
  approved_by text not null,
  posted_at timestamptz,
  traceparent text,
  constraint approved_once unique (potential_post_id)
);

create index approved_posts_unposted on botticelli.approved_posts (id) where posted_at is null;

-- Where a post comes from.
create table botticelli.content_metadata (
  potential_post_id bigint primary key references botticelli.potential_posts (id) on delete cascade,
  actor text not null,
  narrative text not null,
  iteration integer not null,
  title text,
  provider text,
  model text,
  output jsonb,
  created_at timestamptz not null default now()
);

-- The intent to publish one post to one channel. The payload and the nonce are frozen before the first byte leaves.
create table botticelli.deliveries (
  id bigint generated always as identity primary key,
  approved_post_id bigint not null references botticelli.approved_posts (id),
  platform text not null,
  channel text not null default '',
  chunk_no smallint not null default 0,
  payload jsonb not null,
  -- Written with the first try; a later epoch (a fresh nonce) is for posts known to be absent.
  nonce text,
  epoch integer not null default 0,
  state text not null default 'planned',
  -- The posting job that has it in hand; empty when that job is gone.
  job_id bigint,
  sends integer not null default 0,
  -- Committed before any byte of the first try leaves.
  first_sent_at timestamptz,
  last_sent_at timestamptz,
  published_at timestamptz,
  message_id text,
  error text,
  created_at timestamptz not null default now(),
  traceparent text,
  constraint one_delivery_per_channel unique (approved_post_id, platform, channel, chunk_no),
  constraint state_is_known check (state in ('planned', 'sending', 'published', 'failed', 'unconfirmed')),
  constraint published_has_a_message check ((state = 'published') = (message_id is not null and published_at is not null)),
  constraint sending_has_begun check (state <> 'sending' or (first_sent_at is not null and nonce is not null))
);

create index deliveries_open on botticelli.deliveries (job_id) where state in ('planned', 'sending');

create function botticelli.announce_publication() returns trigger language plpgsql as $$
begin
  perform pg_notify('botticelli_published', new.id::text);
  return null;
end
$$;

create trigger announce_publication after update of state on botticelli.deliveries
  for each row when (new.state = 'published' and old.state <> 'published')
  execute function botticelli.announce_publication();
