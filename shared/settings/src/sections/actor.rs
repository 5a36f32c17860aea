use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use botticelli_schedule::{CatchUp, Overlap, Schedule, TickOffset, TimeWindow, Zone, ZoneError, format_duration};
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::duration_text;
use crate::moment_text;
use crate::problem::Report;
use crate::schedule_text;
use crate::sections::queue::{MOST_ATTEMPTS, QueueSettings};

const LONGEST_NAME: usize = 63;
/// The most posts that one job takes; the database accepts no more in a job's arguments.
const MOST_POSTS: u32 = 100;
const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
const TWENTY: NonZeroU32 = NonZeroU32::new(20).unwrap();
const FIVE: NonZeroU32 = NonZeroU32::new(5).unwrap();
const DEFAULT_MIN_SCORE: u8 = 6;
const DAY: Duration = Duration::from_hours(24);
/// The longest jitter and the longest time that is caught up.
const LONGEST_POLICY: Duration = Duration::from_hours(366 * 24);
const QUARTER_HOUR: Duration = Duration::from_mins(15);

/// `[actors.NAME]`: one actor, complete and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorSettings {
    /// The actor's name, which is its queue's too: a lowercase letter, then up to 62 of `a-z`, `0-9`, `_` and `-`.
    #[serde(skip)]
    pub name: String,
    /// What the actor does. Default: its name when that is a kind, else `narrative`.
    pub kind: ActorKind,
    /// The file of its narrative; see [`crate::Settings::read_narrative`]. Required.
    pub narrative: String,
    /// The narrative in that file. Required.
    pub narrative_name: String,
    /// When it runs. Default: `manual`.
    pub schedule: Schedule,
    /// The time zone of the schedule's cron expressions and days. Default: UTC.
    #[serde(serialize_with = "zone_name")]
    pub timezone: Zone,
    /// Jobs of the schedule are due up to so much later than their ticks, each tick always by the same. Default: 0s.
    #[serde(with = "duration_text")]
    pub jitter: Duration,
    /// What becomes of ticks while no scheduler ran. Default: `latest`.
    pub catch_up: CatchUp,
    /// Ticks longer ago than this are not caught up. Default: 1day.
    #[serde(with = "duration_text")]
    pub catch_up_window: Duration,
    /// What becomes of a tick while the schedule's last job waits or runs. Default: `skip`.
    pub overlap: Overlap,
    /// There are no ticks before. Default: none.
    pub starts_at: Option<DateTime<Utc>>,
    /// There are no ticks after. Default: none.
    pub ends_at: Option<DateTime<Utc>>,
    /// Ticks outside of all of these are skipped. Default: none, everything is inside.
    pub windows: Vec<String>,
    /// Ticks inside of one of these are skipped. Default: none.
    pub blackouts: Vec<String>,
    /// Actors after which it runs too, each time one of them finished with output. Default: none.
    pub after: Vec<String>,
    /// Where it posts. Default: `noop`.
    pub platform: PlatformName,
    /// The channel on that platform; required for `discord`. Default: none.
    pub channel_id: Option<String>,
    /// Whether it runs at all. Default: true.
    pub enabled: bool,
    /// Generation is skipped while this many posts wait for curation or posting. Default: 20.
    pub max_waiting: NonZeroU32,
    /// Posts that one run takes, at most 100: reviewed by curation (default 10), published by posting (default 1).
    pub limit: NonZeroU32,
    /// The lowest score, 1 to 10, with which curation approves a post. Default: 6.
    pub min_score: u8,
    /// Jobs of this actor that one worker process runs at once. Default: 1.
    pub slots: NonZeroU16,
    /// Attempts before a job of it is given up, the first included; at most 1000. Default: that of `[queue]`.
    pub max_attempts: NonZeroU16,
    /// The delay before the second attempt; it doubles with each further one. Default: that of `[queue]`.
    #[serde(with = "duration_text")]
    pub backoff_base: Duration,
    /// The longest delay between two attempts. Default: that of `[queue]`.
    #[serde(with = "duration_text")]
    pub backoff_cap: Duration,
    /// Failed runs in a row after which the actor is paused. Default: 5.
    pub breaker_failures: NonZeroU32,
    /// How long such a pause lasts before one run is tried. Default: 15m.
    #[serde(with = "duration_text")]
    pub breaker_cooldown: Duration,
}

impl ActorSettings {
    /// The earliest tick of its schedule later than `after`, within `starts_at` and `ends_at`.
    pub fn next_tick(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let offset = TickOffset::of(&self.name);
        self.schedule
            .next_tick_within(after, offset, self.starts_at, self.ends_at)
    }
}

/// What an actor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// Writes potential posts.
    Generation,
    /// Reviews potential posts and approves the good ones.
    Curation,
    /// Publishes approved posts.
    Posting,
    /// Runs its narrative and stores the output.
    Narrative,
}

impl ActorKind {
    /// The kind as written in settings and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Curation => "curation",
            Self::Posting => "posting",
            Self::Narrative => "narrative",
        }
    }

    fn of_actor(name: &str) -> Self {
        [Self::Generation, Self::Curation, Self::Posting]
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .unwrap_or(Self::Narrative)
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where posts go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlatformName {
    /// Nowhere: posts are printed and recorded as published.
    #[default]
    Noop,
    /// A Discord channel.
    Discord,
}

impl PlatformName {
    /// The platform as written in settings and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Discord => "discord",
        }
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `[actors.NAME]` as written; the fields are explained at [`ActorSettings`].
///
/// The schedule is text here, so that a bad one is one problem among all and keeps the lines of its message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActorSection {
    narrative: Option<String>,
    narrative_name: Option<String>,
    #[serde(default, deserialize_with = "schedule_text::optional")]
    schedule: Option<String>,
    timezone: Option<String>,
    #[serde(default, deserialize_with = "duration_text::optional")]
    jitter: Option<Duration>,
    #[serde(default)]
    catch_up: CatchUp,
    #[serde(default, deserialize_with = "duration_text::optional")]
    catch_up_window: Option<Duration>,
    #[serde(default)]
    overlap: Overlap,
    #[serde(default, deserialize_with = "moment_text::optional")]
    starts_at: Option<String>,
    #[serde(default, deserialize_with = "moment_text::optional")]
    ends_at: Option<String>,
    #[serde(default)]
    windows: Vec<String>,
    #[serde(default)]
    blackouts: Vec<String>,
    #[serde(default)]
    platform: PlatformName,
    channel_id: Option<String>,
    enabled: Option<bool>,
    kind: Option<ActorKind>,
    #[serde(default)]
    pub(super) after: Vec<String>,
    max_waiting: Option<NonZeroU32>,
    limit: Option<NonZeroU32>,
    min_score: Option<u8>,
    slots: Option<NonZeroU16>,
    max_attempts: Option<NonZeroU16>,
    #[serde(default, deserialize_with = "duration_text::optional")]
    backoff_base: Option<Duration>,
    #[serde(default, deserialize_with = "duration_text::optional")]
    backoff_cap: Option<Duration>,
    breaker_failures: Option<NonZeroU32>,
    #[serde(default = "default_cooldown", with = "duration_text")]
    breaker_cooldown: Duration,
}

fn default_cooldown() -> Duration {
    QUARTER_HOUR
}

impl ActorSection {
    /// Fills in the defaults and checks the values; `None` when the schedule cannot be read or the narrative is missing.
    pub(super) fn complete(&self, name: &str, queue: &QueueSettings, report: &mut Report<'_>) -> Option<ActorSettings> {
        let kind = self.kind.unwrap_or_else(|| ActorKind::of_actor(name));
        check_name(name, report);
        self.check_values(name, report);
        self.check_tries(name, queue, report);
        self.check_relevance(name, kind, report);
        let schedule = match self.schedule.as_deref().map(str::parse) {
            None => Schedule::manual(),
            Some(Ok(schedule)) => schedule,
            Some(Err(error)) => {
                report.add(&["actors", name, "schedule"], error.to_string());
                return None;
            }
        };
        let timezone = match self.timezone.as_deref().map(str::parse) {
            None => Zone::UTC,
            Some(Ok(zone)) => zone,
            Some(Err::<Zone, ZoneError>(error)) => {
                report.add(&["actors", name, "timezone"], error.to_string());
                return None;
            }
        };
        let default_limit = if kind == ActorKind::Curation {
            TEN
        } else {
            NonZeroU32::MIN
        };
        Some(ActorSettings {
            name: name.to_owned(),
            kind,
            narrative: self.narrative.clone()?,
            narrative_name: self.narrative_name.clone()?,
            schedule: schedule.in_zone(timezone),
            timezone,
            jitter: self.jitter.unwrap_or_default(),
            catch_up: self.catch_up,
            catch_up_window: self.catch_up_window.unwrap_or(DAY),
            overlap: self.overlap,
            starts_at: instant(self.starts_at.as_ref()),
            ends_at: instant(self.ends_at.as_ref()),
            windows: self.windows.clone(),
            blackouts: self.blackouts.clone(),
            after: self.after.clone(),
            platform: self.platform,
            channel_id: self.channel_id.clone(),
            enabled: self.enabled.unwrap_or(true),
            max_waiting: self.max_waiting.unwrap_or(TWENTY),
            limit: self.limit.unwrap_or(default_limit),
            min_score: self.min_score.unwrap_or(DEFAULT_MIN_SCORE),
            slots: self.slots.unwrap_or(NonZeroU16::MIN),
            max_attempts: self.max_attempts.unwrap_or(queue.max_attempts),
            backoff_base: self.backoff_base.unwrap_or(queue.backoff_base),
            backoff_cap: self.backoff_cap.unwrap_or(queue.backoff_cap),
            breaker_failures: self.breaker_failures.unwrap_or(FIVE),
            breaker_cooldown: self.breaker_cooldown,
        })
    }

    fn check_values(&self, name: &str, report: &mut Report<'_>) {
        let key = |key| ["actors", name, key];
        for (field, text) in [("narrative", &self.narrative), ("narrative_name", &self.narrative_name)] {
            match text.as_deref().map(str::trim) {
                None => report.add(&key(field), "it is missing; every actor needs it"),
                Some("") => report.add(&key(field), "the text is empty"),
                Some(_) => {}
            }
        }
        self.check_channel(name, report);
        for (field, windows) in [("windows", &self.windows), ("blackouts", &self.blackouts)] {
            for window in windows {
                if let Err(error) = window.parse::<TimeWindow>() {
                    report.add(&key(field), error.to_string());
                }
            }
        }
        for (field, length) in [("jitter", self.jitter), ("catch_up_window", self.catch_up_window)] {
            if length.is_some_and(|length| length > LONGEST_POLICY) {
                report.add(&key(field), "the longest is 366 days");
            }
        }
        let ends = [("starts_at", &self.starts_at), ("ends_at", &self.ends_at)];
        for (field, text) in ends {
            if let (Some(text), None) = (text, instant(text.as_ref())) {
                let text = format!(
                    "`{text}` is no moment from 1970 to 2100 with its zone; write one such as `2026-12-01T09:00:00+01:00`"
                );
                report.add(&key(field), text);
            }
        }
        if let [Some(start), Some(end)] = ends.map(|(_, text)| instant(text.as_ref()))
            && end < start
        {
            report.add(
                &key("ends_at"),
                "it lies before `starts_at`, so that there would be no tick",
            );
        }
        if let Some(limit) = self.limit.filter(|limit| limit.get() > MOST_POSTS) {
            report.add(&key("limit"), format!("{limit} posts are more than {MOST_POSTS}"));
        }
        if let Some(score) = self.min_score.filter(|score| !(1..=10).contains(score)) {
            report.add(&key("min_score"), format!("{score} is not a score from 1 to 10"));
        }
        report.positive(&key("breaker_cooldown"), self.breaker_cooldown);
    }

    fn check_tries(&self, name: &str, queue: &QueueSettings, report: &mut Report<'_>) {
        let key = |key| ["actors", name, key];
        if let Some(attempts) = self.max_attempts.filter(|attempts| attempts.get() > MOST_ATTEMPTS) {
            report.add(
                &key("max_attempts"),
                format!("{attempts} attempts are more than {MOST_ATTEMPTS}"),
            );
        }
        for (field, delay) in [("backoff_base", self.backoff_base), ("backoff_cap", self.backoff_cap)] {
            if let Some(delay) = delay {
                report.positive(&key(field), delay);
            }
        }
        if self.backoff_base.is_none() && self.backoff_cap.is_none() {
            return;
        }
        let base = self.backoff_base.unwrap_or(queue.backoff_base);
        let cap = self.backoff_cap.unwrap_or(queue.backoff_cap);
        if cap < base {
            let text = format!(
                "no delay is as long as the first, {}, and as short as the longest, {}; set `backoff_base` and `backoff_cap` together",
                format_duration(base),
                format_duration(cap),
            );
            report.add(&["actors", name], text);
        }
    }

    fn check_channel(&self, name: &str, report: &mut Report<'_>) {
        let key = ["actors", name, "channel_id"];
        match (self.platform, self.channel_id.as_deref()) {
            (_, Some(channel)) if channel.contains("${") => {
                let variable = name.to_uppercase().replace('-', "_");
                let text = format!(
                    "`{channel}` is not filled in from the environment; remove it and set `BOTTICELLI_ACTORS_{variable}_CHANNEL_ID`"
                );
                report.add(&key, text);
            }
            (PlatformName::Discord, None) => {
                report.add(
                    &key,
                    "platform `discord` needs it; write the channel's number in quotes",
                );
            }
            (PlatformName::Discord, Some(channel)) if !is_snowflake(channel) => {
                let text = format!("`{channel}` is not a Discord channel; write its number, digits only");
                report.add(&key, text);
            }
            _ => {}
        }
    }

    /// Refuses keys that have no effect for the actor's kind, because their author expects one.
    fn check_relevance(&self, name: &str, kind: ActorKind, report: &mut Report<'_>) {
        use ActorKind::{Curation, Generation, Posting};
        for (key, is_set, kinds) in [
            ("max_waiting", self.max_waiting.is_some(), [Generation].as_slice()),
            ("limit", self.limit.is_some(), &[Curation, Posting]),
            ("min_score", self.min_score.is_some(), &[Curation]),
        ] {
            if is_set && !kinds.contains(&kind) {
                let kinds = kinds
                    .iter()
                    .map(|kind| format!("`{kind}`"))
                    .collect::<Vec<_>>()
                    .join(" and ");
                let text = format!("it has no effect for kind `{kind}`, only for {kinds}; remove it");
                report.add(&["actors", name, key], text);
            }
        }
    }
}

fn instant(text: Option<&String>) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text?).ok()?.to_utc();
    (1970..=2100).contains(&at.year()).then_some(at)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls this with a reference to the field"
)]
fn zone_name<S: Serializer>(zone: &Zone, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

fn check_name(name: &str, report: &mut Report<'_>) {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let goes_on_well = name
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if !starts_well || !goes_on_well || name.len() > LONGEST_NAME {
        let text = format!(
            "`{name}` is not a name for an actor; write a lowercase letter, then up to 62 of `a-z`, `0-9`, `_` and `-`"
        );
        report.add(&["actors", name], text);
    }
}

fn is_snowflake(channel: &str) -> bool {
    !channel.is_empty() && channel.len() <= 20 && channel.bytes().all(|byte| byte.is_ascii_digit())
}
