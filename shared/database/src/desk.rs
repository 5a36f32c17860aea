//! Questions of many tasks to the database, asked together.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Questions that go together at the most.
pub const MOST_TOGETHER: usize = 64;

/// A question that came to a [`Desk`], and whom to answer.
#[derive(Debug)]
pub struct Asked<Q, A> {
    /// The question.
    pub question: Q,
    /// Takes the answer, and gives it back when whoever asked has gone away. Dropped without one it tells that there is none.
    pub answer: oneshot::Sender<A>,
}

type Asking = Pin<Box<dyn Future<Output = ()> + Send>>;
type Ask<Q, A> = dyn Fn(Vec<Asked<Q, A>>) -> Asking + Send + Sync;

/// Where tasks of a process ask what is best asked for many at once. A clone is the same one.
///
/// Questions that come while others are on their way go together, up to 64 of them: what all of them need is locked once, and they wait
/// for the disk once. So the more there are, the less each costs, and one that is alone waits for nobody.
pub struct Desk<Q, A> {
    room: Arc<Room<Q, A>>,
}

struct Room<Q, A> {
    ask: Box<Ask<Q, A>>,
    most_asking: usize,
    line: Mutex<Line<Q, A>>,
}

/// Who waits to be asked for, and how many tasks ask.
struct Line<Q, A> {
    waiting: VecDeque<Asked<Q, A>>,
    asking: usize,
}

impl<Q: Send + 'static, A: Send + 'static> Desk<Q, A> {
    /// One that asks by `ask`, for as many as `most_asking` groups at a time: while one waits for the disk the next has the locks. `ask`
    /// has to come to an end by itself, as with [`ANSWER_LIMIT`](crate::ANSWER_LIMIT): the groups behind it wait so long.
    pub fn new<F>(most_asking: usize, ask: impl Fn(Vec<Asked<Q, A>>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            room: Arc::new(Room {
                ask: Box::new(move |asked| Box::pin(ask(asked))),
                most_asking,
                line: Mutex::new(Line {
                    waiting: VecDeque::new(),
                    asking: 0,
                }),
            }),
        }
    }

    /// Asks, and waits for the answer. `None` when there was none, because who asked for the group panicked or the runtime goes down;
    /// what was asked may be done all the same, as it may when this is dropped.
    pub async fn ask(&self, question: Q) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        let asks = {
            let mut line = self.room.line();
            line.waiting.push_back(Asked { question, answer });
            let asks = line.asking < self.room.most_asking;
            line.asking += usize::from(asks);
            asks
        };
        if asks {
            tokio::spawn(work(Arc::clone(&self.room)));
        }
        answered.await.ok()
    }
}

/// Asks for those who wait, until nobody does: a task that is counted in [`Line::asking`].
async fn work<Q: Send + 'static, A: Send + 'static>(room: Arc<Room<Q, A>>) {
    loop {
        let asked = room.next();
        if asked.is_empty() {
            return;
        }
        // In a task of its own, so that one that panics takes nobody with it. Who gets no answer hears of it: their senders are dropped.
        let asking = Arc::clone(&room);
        tokio::spawn(async move { (asking.ask)(asked).await }).await.ok();
    }
}

impl<Q, A> Room<Q, A> {
    fn line(&self) -> MutexGuard<'_, Line<Q, A>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait, as many as go together. When nobody does whoever calls this leaves, under the same lock: who comes after starts
    /// another task.
    fn next(&self) -> Vec<Asked<Q, A>> {
        let mut line = self.line();
        let many = line.waiting.len().min(MOST_TOGETHER);
        line.asking -= usize::from(many == 0);
        line.waiting.drain(..many).collect()
    }
}

impl<Q, A> Clone for Desk<Q, A> {
    fn clone(&self) -> Self {
        Self {
            room: Arc::clone(&self.room),
        }
    }
}

impl<Q, A> std::fmt::Debug for Desk<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// A desk that doubles numbers, each group once there is a permit, and how many groups it was asked for.
    fn doubling(permits: &Arc<Semaphore>) -> (Desk<u32, u32>, Arc<AtomicUsize>) {
        let groups = Arc::new(AtomicUsize::new(0));
        let (permits, counted) = (Arc::clone(permits), Arc::clone(&groups));
        let desk = Desk::new(1, move |asked: Vec<Asked<u32, u32>>| {
            let permits = Arc::clone(&permits);
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                permits.acquire().await.map(tokio::sync::SemaphorePermit::forget).ok();
                for Asked { question, answer } in asked {
                    assert_ne!(question, 13, "this one nobody can double");
                    answer.send(question * 2).ok();
                }
            }
        });
        (desk, groups)
    }

    #[tokio::test]
    async fn what_comes_while_others_are_asked_for_goes_together_and_each_gets_its_own_answer() {
        let permits = Arc::new(Semaphore::new(0));
        let (desk, groups) = doubling(&permits);
        let asking = futures_util::future::join_all((101..=200).map(|number| desk.ask(number)));
        let permit = async {
            // The first has gone alone, for nobody else was there; the others wait.
            tokio::task::yield_now().await;
            permits.add_permits(100);
        };
        let (answers, ()) = tokio::join!(asking, permit);
        assert_eq!(answers, (101..=200).map(|number| Some(number * 2)).collect::<Vec<_>>());
        assert!(groups.load(Ordering::Relaxed) <= 3, "{groups:?} groups for 100");
    }

    #[tokio::test]
    async fn a_group_that_cannot_be_asked_for_gets_no_answer_and_the_next_does() {
        let permits = Arc::new(Semaphore::new(100));
        let (desk, _) = doubling(&permits);
        // The last ones wait while the group with the wrong one is asked for, and nobody comes after them.
        let answers = futures_util::future::join_all((1..=100).map(|number| desk.ask(number))).await;
        assert_eq!((answers[12], answers[99]), (None, Some(200)));
    }
}
