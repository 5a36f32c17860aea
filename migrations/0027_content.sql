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
