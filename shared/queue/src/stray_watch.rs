//! When to look for jobs that were claimed and never got here.

use std::time::Duration;

use botticelli_database::ANSWER_LIMIT;
use tokio::time::Instant;

/// The time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Tells when to look for jobs of claims whose answer was lost, with [`put_back_strays`](crate::put_back_strays()), whatever
/// else there is to do.
///
/// The server goes on with a statement whose client is gone, until its statement timeout at the latest, and a look before that
/// finds nothing. So after an answer that is known to be lost there is a look again and again for so long; and one now and then
/// without that, for those that nobody knows of.
#[derive(Debug)]
pub struct StrayWatch {
    now_and_then: Duration,
    next_look: Instant,
    /// Until then there may be some.
    until: Option<Instant>,
}

impl StrayWatch {
    /// A watch with a look in every such time.
    pub fn new(now_and_then: Duration) -> Self {
        Self {
            now_and_then,
            next_look: Instant::now() + now_and_then,
            until: None,
        }
    }

    /// An answer was lost just now, to a claim or to a look. The next look comes a little later, for a server that answers with
    /// errors is not to be asked all the time.
    pub fn begin(&mut self) {
        let now = Instant::now();
        self.until = Some(now + ANSWER_LIMIT);
        self.next_look = now + BETWEEN_LOOKS.min(self.now_and_then);
    }

    /// Whether to look now.
    pub fn is_due(&self) -> bool {
        self.next_look <= Instant::now()
    }

    /// A look that began when it was due has put back what there was.
    pub fn looked(&mut self) {
        let now = Instant::now();
        self.until = self.until.filter(|until| now <= *until);
        let wait = if self.until.is_some() {
            BETWEEN_LOOKS.min(self.now_and_then)
        } else {
            self.now_and_then
        };
        self.next_look = now + wait;
    }

    /// How long until the next look.
    pub fn next_look(&self) -> Duration {
        self.next_look.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_looks_often_until_nothing_can_come_any_more_and_once_after_that() {
        const HOUR: Duration = Duration::from_hours(1);
        let mut watch = StrayWatch::new(HOUR);
        assert!(!watch.is_due());
        watch.begin();
        assert!(!watch.is_due(), "not at once");
        let begun = Instant::now();
        let mut looks = 0;
        while watch.next_look() < HOUR {
            tokio::time::sleep(watch.next_look()).await;
            assert!(watch.is_due());
            looks += 1;
            watch.looked();
            assert!(!watch.is_due());
        }
        assert!(
            begun.elapsed() > ANSWER_LIMIT,
            "the last look comes after the last moment"
        );
        assert_eq!(looks, 71);
        tokio::time::sleep(HOUR).await;
        assert!(watch.is_due());
    }
}
