-- At its end each job lets go of the posts that it reviewed, and finds them by this. Owner: shared/posts.

create index potential_posts_in_review on botticelli.potential_posts (review_job_id) where status = 'in_review';
