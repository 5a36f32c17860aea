//! The ends of running jobs, by their workers and by others when these are lost.

use std::{collections::BTreeSet, time::Duration};

use botticelli_queue::{
    ClaimedJob, Lease, QueueError, RescuedJob, Retried, complete, complete_all, discard, hand_back, hold, retry, snooze,
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::{
    super::{
        operation::{Pick, Settling},
        state::MINUTE,
    },
    ENDED, ERROR, LONG, Outcome, REFUSED, RESCUED, Sequence, id_of, index_of, said, same,
};

impl Sequence<'_> {
    pub(super) async fn settle(
        &mut self,
        how: Settling,
        mut job: ClaimedJob,
        is_forged: bool,
        is_committed: bool,
    ) -> Outcome {
        let mut worker = index_of(job.lease.worker);
        if is_forged {
            worker += 1;
            job.lease.worker = id_of(worker);
        }
        let Lease { claim, place, .. } = job.lease;
        let (claim, place) = (claim.0, usize::from(place));
        let mut model = self.model.clone();
        let mut transaction = self.pool.begin().await.map_err(said)?;
        let before = clock(&mut transaction).await?;
        let later = |later: bool| if later { LONG } else { Duration::ZERO };
        let settled = match how {
            Settling::Complete => complete(&mut transaction, job.lease).await,
            Settling::Discard => discard(&mut transaction, job.lease, ERROR).await,
            Settling::Retry { later: is_later } => match retry(&mut transaction, &job, later(is_later), ERROR).await {
                Ok(retried) => {
                    same(
                        "exhausted",
                        retried == Retried::Exhausted,
                        job.tries >= job.max_attempts,
                    )?;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Settling::Snooze { later: is_later } => {
                snooze(&mut transaction, job.lease, later(is_later)).await.map(drop)
            }
            Settling::HandBack => hand_back(&mut transaction, job.lease).await.map(drop),
            Settling::Hold => hold(&mut transaction, job.lease).await,
        };
        let is_settled = match settled {
            Ok(()) => true,
            Err(QueueError::LeaseLost(lease)) if lease == job.lease => false,
            Err(error) => return Err(said(error)),
        };
        let after = clock(&mut transaction).await?;
        if is_committed {
            transaction.commit().await.map_err(said)?;
        } else {
            transaction.rollback().await.map_err(said)?;
        }
        // When it is due again only the database's clock knows; it must lie between what the clock said around it.
        let is_exhausted = matches!(how, Settling::Retry { .. }) && job.tries >= job.max_attempts;
        let run_at = match how {
            Settling::Retry { later: true } | Settling::Snooze { later: true }
                if is_settled && is_committed && !is_exhausted =>
            {
                let run_at = self.run_at(job.lease.job.0).await?;
                let delay = TimeDelta::from_std(LONG).map_err(said)?;
                if self.at(run_at) < before + delay || self.at(run_at) > after + delay {
                    return Err(format!(
                        "run_at is {}, not {LONG:?} from {before} or {after}",
                        self.at(run_at)
                    ));
                }
                Some(run_at)
            }
            Settling::Retry { later: true } | Settling::Snooze { later: true } => Some(60 * MINUTE),
            _ => None,
        };
        let expected = match how {
            Settling::Complete => model.complete(worker, claim, &[place]),
            Settling::Discard => model.discard(worker, claim, place, ERROR),
            Settling::Retry { .. } if is_exhausted => model.discard(worker, claim, place, ERROR),
            Settling::Retry { .. } => model.put_back(worker, claim, place, run_at, Some(ERROR)),
            Settling::Snooze { .. } | Settling::HandBack => model.put_back(worker, claim, place, run_at, None),
            Settling::Hold => model.holds(worker, claim, place),
        };
        same("settled", is_settled, expected)?;
        self.count(if is_settled { ENDED } else { REFUSED }, 1);
        if is_committed {
            self.model = model;
        }
        Ok(())
    }

    pub(super) async fn complete_all(&mut self, picks: &[Pick], is_committed: bool) -> Outcome {
        let leases: Vec<Lease> = picks
            .iter()
            .filter_map(|pick| pick.of(&self.claimed))
            .map(|job| job.lease)
            .collect();
        let mut transaction = self.pool.begin().await.map_err(said)?;
        let lost = complete_all(&mut transaction, &leases).await.map_err(said)?;
        let mut model = self.model.clone();
        // The jobs of one worker's claim are completed together or not at all; another worker's not at all.
        let first = leases.first().map(|lease| lease.worker);
        let mut completed = BTreeSet::new();
        for claim in leases
            .iter()
            .filter(|lease| Some(lease.worker) == first)
            .map(|lease| lease.claim)
            .collect::<BTreeSet<_>>()
        {
            let places: BTreeSet<usize> = leases
                .iter()
                .filter(|lease| lease.claim == claim)
                .map(|lease| usize::from(lease.place))
                .collect();
            let places: Vec<usize> = places.into_iter().collect();
            if first.is_some_and(|worker| model.complete(index_of(worker), claim.0, &places)) {
                completed.insert(claim);
            }
        }
        let expected = leases
            .iter()
            .filter(|lease| !completed.contains(&lease.claim))
            .copied()
            .collect();
        same("lost leases", lost, expected)?;
        if is_committed {
            transaction.commit().await.map_err(said)?;
            self.model = model;
        } else {
            transaction.rollback().await.map_err(said)?;
        }
        Ok(())
    }

    /// Which of the lost claims are rescued first is the database's choice.
    pub(super) async fn rescue(&mut self, claims: u16, just_restarted: bool) -> Outcome {
        // `rescue` itself, with the time since the restart as an argument.
        let grace = if just_restarted { 1e9 } else { 0.0 };
        let rescued: Vec<RescuedJob> = sqlx::query_as(include_str!("../../../../src/sql/rescue.sql"))
            .bind(i64::from(claims))
            .bind(grace)
            .fetch_all(self.pool)
            .await
            .map_err(said)?;
        let lost = self.model.lost_claims(just_restarted);
        let ids: BTreeSet<i64> = rescued.iter().map(|job| job.id.0).collect();
        let is_chosen = |claim: &i64| {
            let claim = &self.model.claims[claim];
            claim
                .jobs
                .iter()
                .zip(&claim.open)
                .any(|(job, is_open)| *is_open && ids.contains(&job.id))
        };
        let chosen: Vec<i64> = lost.iter().copied().filter(is_chosen).collect();
        self.count(RESCUED, rescued.len());
        same("rescued claims", chosen.len(), lost.len().min(usize::from(claims)))?;
        let expected: BTreeSet<_> = chosen.into_iter().flat_map(|claim| self.model.rescue(claim)).collect();
        let rescued: BTreeSet<_> = rescued
            .iter()
            .map(|job| (job.id.0, job.attempt, job.discarded))
            .collect();
        same("rescued jobs", rescued, expected)
    }
}

async fn clock(connection: &mut PgConnection) -> Outcome<DateTime<Utc>> {
    sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(connection)
        .await
        .map_err(said)
}
