//! What is expected: a list of calls, and sums over it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ACTOR_CALLS_A_DAY, AT_ONCE, FLEET_COST_A_DAY, HOLD, REQUESTS_A_DAY, REQUESTS_A_MINUTE, RUN_TOKENS,
    SHARE_OF_REQUESTS, TOKENS_A_MINUTE,
};

/// A call as a step asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) actor: u8,
    pub(crate) run: u8,
    pub(crate) attempt: u8,
    pub(crate) tokens: i64,
    pub(crate) cost: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Granted,
    Wait,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Reserved,
    Settled,
    Failed,
    Released,
    Lost,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) asked: Asked,
    pub(crate) reserved_at: i64,
    pub(crate) expires_at: i64,
    state: State,
    /// Tokens and micro-dollars.
    used: (i64, i64),
}

/// Seconds are counted from the first midnight.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) now: i64,
    pub(crate) calls: Vec<Entry>,
    /// What the bucket has noted to be under way, and when it was last swept.
    noted_running: usize,
    swept_at: Option<i64>,
    /// What was granted in the transaction under way.
    together: Vec<Asked>,
    alerted: BTreeSet<(String, String, i64)>,
    counts: [u32; 3],
}

/// Used tokens, calls and micro-dollars, and those that are reserved.
type Sums = [i64; 6];

const DAY: i64 = 86_400;

impl Entry {
    fn is_open(&self) -> bool {
        self.state == State::Reserved
    }

    /// Whether it has taken a request.
    fn is_sent(&self) -> bool {
        self.state != State::Released
    }

    fn tokens(&self) -> i64 {
        if self.is_open() { self.asked.tokens } else { self.used.0 }
    }

    fn sums(&self) -> Sums {
        match self.state {
            State::Reserved => [0, 0, 0, self.asked.tokens, 1, self.asked.cost],
            State::Released => [0; 6],
            _ => [self.used.0, 1, self.used.1, 0, 0, 0],
        }
    }

    /// The budgets that count it, as they are shown: scope, key, day.
    fn budgets(&self) -> [(String, String, i64); 3] {
        budgets(&self.asked, self.reserved_at)
    }
}

fn budgets(asked: &Asked, reserved_at: i64) -> [(String, String, i64); 3] {
    let day = reserved_at.div_euclid(DAY);
    [
        ("run".to_owned(), format!("run-{}", asked.run), 0),
        ("actor".to_owned(), format!("actor-{}", asked.actor), day),
        ("fleet".to_owned(), String::new(), day),
    ]
}

impl Ledger {
    fn sums(&self) -> BTreeMap<(String, String, i64), Sums> {
        let mut sums = BTreeMap::<_, Sums>::new();
        for call in &self.calls {
            for budget in call.budgets() {
                let sum = sums.entry(budget).or_default();
                for (sum, part) in sum.iter_mut().zip(call.sums()) {
                    *sum += part;
                }
            }
        }
        sums
    }

    /// Of each budget of a call what is used and reserved, and its limit.
    fn totals(&self, asked: &Asked) -> [(i64, i64); 3] {
        let sums = self.sums();
        let [run, actor, fleet] = budgets(asked, self.now).map(|budget| sums.get(&budget).copied().unwrap_or_default());
        [
            (run[0] + run[3], RUN_TOKENS),
            (actor[1] + actor[4], ACTOR_CALLS_A_DAY),
            (fleet[2] + fleet[5], FLEET_COST_A_DAY),
        ]
    }

    fn running(&self) -> usize {
        self.calls.iter().filter(|call| call.is_open()).count()
    }

    /// Before calls are reserved, those whose time is over are lost when a place is wanted.
    pub(crate) fn sweep(&mut self) {
        if self.noted_running >= AT_ONCE && self.swept_at.is_none_or(|swept_at| swept_at < self.now - 1) {
            self.swept_at = Some(self.now);
            self.lose(|call, now| call.expires_at <= now);
        }
    }

    pub(crate) fn reserve(&mut self, asked: &Asked, id: i64) -> Outcome {
        let outcome = self.decide(asked);
        match outcome {
            Outcome::Granted => {
                self.counts[0] += 1;
                self.together.push(asked.clone());
                self.calls.push(Entry {
                    id,
                    asked: asked.clone(),
                    reserved_at: self.now,
                    expires_at: self.now + HOLD,
                    state: State::Reserved,
                    used: (0, 0),
                });
            }
            Outcome::Wait => self.counts[1] += 1,
            Outcome::Refused => self.counts[2] += 1,
        }
        outcome
    }

    fn decide(&self, asked: &Asked) -> Outcome {
        let needs = [asked.tokens, 1, asked.cost];
        if self
            .totals(asked)
            .iter()
            .zip(needs)
            .any(|((total, limit), need)| total + need > *limit)
        {
            return Outcome::Refused;
        }
        let slot = |time: i64| time.div_euclid(2);
        let minute: Vec<&Entry> = self
            .calls
            .iter()
            .filter(|call| call.is_sent() && slot(call.reserved_at) + 31 > slot(self.now))
            .collect();
        let tokens: i64 = minute.iter().map(|call| call.tokens()).sum();
        let of_share = minute.iter().filter(|call| call.asked.actor == 1).count();
        let today = |call: &&Entry| call.is_sent() && call.reserved_at.div_euclid(DAY) == self.now.div_euclid(DAY);
        let has_to_wait = minute.len() >= REQUESTS_A_MINUTE
            || tokens > (TOKENS_A_MINUTE - asked.tokens).max(0)
            || (asked.actor == 1 && of_share >= SHARE_OF_REQUESTS)
            || self.calls.iter().filter(today).count() >= REQUESTS_A_DAY
            || self.running() >= AT_ONCE;
        if has_to_wait { Outcome::Wait } else { Outcome::Granted }
    }

    /// What calls of one transaction leave: the bucket is up to date, and budgets that came to four fifths were told of.
    pub(crate) fn end_of_batch(&mut self) {
        self.noted_running = self.running();
        for asked in std::mem::take(&mut self.together) {
            for (budget, (total, limit)) in budgets(&asked, self.now).into_iter().zip(self.totals(&asked)) {
                if total >= limit - limit / 5 {
                    self.alerted.insert(budget);
                }
            }
        }
    }

    pub(crate) fn folded(&mut self) {
        self.noted_running = self.running();
    }

    /// Gives the state in which it was.
    pub(crate) fn end(&mut self, place: usize, state: State, known: Option<(i64, i64)>) -> &'static str {
        let call = &mut self.calls[place];
        let before = call.state;
        if matches!(before, State::Reserved | State::Lost) {
            call.state = state;
            call.used = known.unwrap_or((call.asked.tokens, call.asked.cost));
        }
        name(before)
    }

    /// Loses open calls, and gives their number.
    pub(crate) fn lose(&mut self, is_lost: impl Fn(&Entry, i64) -> bool) -> usize {
        let now = self.now;
        let lost = self
            .calls
            .iter_mut()
            .filter(|call| call.is_open() && is_lost(call, now));
        lost.map(|call| {
            call.state = State::Lost;
            call.used = (call.asked.tokens, call.asked.cost);
        })
        .count()
    }

    pub(crate) fn lost_before(&self, run: u8, attempt: u8) -> usize {
        let of_job = |call: &&Entry| call.asked.run == run && call.asked.attempt < attempt;
        self.calls
            .iter()
            .filter(of_job)
            .filter(|call| call.state == State::Lost)
            .count()
    }

    pub(crate) fn shown_calls(&self) -> Vec<String> {
        let show = |call: &Entry| format!("{}|{}|{}|{}", call.id, name(call.state), call.used.0, call.used.1);
        self.calls.iter().map(show).collect()
    }

    pub(crate) fn shown_budgets(&self) -> Vec<String> {
        let counted = |sums: &Sums| sums[1] + sums[4] + sums[2] != 0;
        let show = |((scope, key, day), sums): ((String, String, i64), Sums)| {
            format!("{scope}|{key}|{day}|{}", sums.map(|sum| sum.to_string()).join("|"))
        };
        self.sums()
            .into_iter()
            .filter(|(_, sums)| counted(sums))
            .map(show)
            .collect()
    }

    pub(crate) fn shown_alerts(&self) -> Vec<String> {
        self.alerted
            .iter()
            .map(|(scope, key, day)| format!("{scope}|{key}|{day}"))
            .collect()
    }

    /// Granted, waiting, refused and lost.
    pub(crate) fn tally(&self) -> [u32; 4] {
        let lost = self.calls.iter().filter(|call| call.state == State::Lost).count();
        let [granted, waits, refused] = self.counts;
        [granted, waits, refused, u32::try_from(lost).unwrap_or(u32::MAX)]
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Reserved => "reserved",
        State::Settled => "settled",
        State::Failed => "failed",
        State::Released => "released",
        State::Lost => "lost",
    }
}
