//! Commands of platforms, run for jobs.

use std::{sync::Arc, time::Duration};

use botticelli_actors::{load_checkpoint, remove_checkpoint, save_checkpoint};
use botticelli_content::{Changes, update_rows};
use botticelli_llm::NamePattern;
use botticelli_narrative::{CommandCall, CommandRunner, PortError, PortFuture};
use botticelli_platforms::{Effect, find, nonce_for_command};
use botticelli_queue::Lease;
use botticelli_schedule::Clock;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{RecentAnswers, held};
use crate::surroundings::table_update;

/// Who carries out the commands of Discord; why nobody does where it could not be opened.
pub type DiscordRunner = Result<Arc<dyn botticelli_platforms::CommandRunner>, String>;

/// Which commands narratives may run beside those that only read.
#[derive(Debug, Clone, Default)]
pub struct CommandRules(Vec<NamePattern>);

impl CommandRules {
    /// Rules such as `discord messages.send`, where `*` stands for any text.
    pub fn new(rules: &[String]) -> Self {
        let plain = |rule: &String| NamePattern::new(rule.split_whitespace().collect::<Vec<_>>().join(" "));
        Self(rules.iter().map(plain).collect())
    }

    /// Whether a command that changes something may be run.
    pub fn allow(&self, platform: &str, command: &str) -> bool {
        let name = format!("{platform} {command}");
        self.0.iter().any(|rule| rule.matches(&name))
    }
}

/// Runs the commands of one job.
///
/// What changes something is on record before it is sent, and its answer afterwards. So a job that is run again gets the
/// answer that there was, and does not repeat what may have been done, unless repeating it is safe.
pub(crate) struct JobCommands<'a> {
    pub pool: &'a PgPool,
    pub lease: Lease,
    pub discord: &'a DiscordRunner,
    pub rules: &'a CommandRules,
    pub recent: &'a RecentAnswers,
    pub clock: &'a dyn Clock,
}

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
enum NotRun {
    #[error("there is no command `{0}`")]
    Unknown(String),
    #[error("narratives may not run `{0}`; name it in `[narratives] commands` of the settings")]
    NotAllowed(String),
    #[error("Discord is not open: {0}")]
    NotOpen(String),
    #[error(
        "`{0}` was begun by an earlier run, and nobody knows whether it was carried out; look at the platform, and enqueue the job anew"
    )]
    OutcomeUnknown(String),
}

impl CommandRunner for JobCommands<'_> {
    fn run<'a>(&'a self, call: &'a CommandCall) -> PortFuture<'a, Result<Value, PortError>> {
        Box::pin(async move {
            let name = format!("{} {}", call.platform, call.command);
            if call.platform == table_update::PLATFORM {
                self.check_rules(&name, call)?;
                return self.update_table(call).await.map(Ok);
            }
            let Some(command) = find(&call.platform, &call.command) else {
                return Err(PortError::new(NotRun::Unknown(name)));
            };
            let runner = match self.discord {
                Ok(runner) => runner,
                Err(reason) => return Err(PortError::new(NotRun::NotOpen(reason.clone()))),
            };
            let mut request = botticelli_platforms::CommandCall {
                command,
                args: call.args.clone(),
                nonce: None,
                now: self.clock.now(),
            };
            if command.effect == Effect::Read {
                if let Some(answer) = self.recent.find(call, request.now) {
                    return Ok(Ok(answer));
                }
                let answer = runner.run(&request).await;
                if let Ok(answer) = &answer {
                    self.recent.keep(call, answer, request.now);
                }
                return Ok(answer.map_err(PortError::new));
            }
            self.check_rules(&name, call)?;
            let answered = format!("{}/answer", call.key);
            if let Some(answer) = self.load(&answered).await? {
                return Ok(Ok(answer));
            }
            request.nonce = Some(nonce_for_command(self.lease.job.0, &call.key));
            let begun = format!("{}/begun", call.key);
            let earlier = self.load(&begun).await?.as_ref().and_then(moment);
            let is_first = earlier.is_none();
            match earlier {
                Some(earlier) => {
                    // Of a clock that went back nobody knows how long ago it was.
                    let age = (request.now - earlier).to_std().unwrap_or(Duration::MAX);
                    if !request.is_repeatable(age) {
                        return Err(PortError::new(NotRun::OutcomeUnknown(name)));
                    }
                    request.now = earlier;
                }
                None => self.save(&begun, &json!(request.now)).await?,
            }
            match runner.run(&request).await {
                Ok(answer) => {
                    self.save(&answered, &answer).await?;
                    Ok(Ok(answer))
                }
                Err(error) => {
                    // A note of an earlier run stays: that one may have acted.
                    if is_first && !error.may_have_acted() {
                        self.forget(&begun).await?;
                    }
                    Ok(Err(PortError::new(error)))
                }
            }
        })
    }
}

impl JobCommands<'_> {
    fn check_rules(&self, name: &str, call: &CommandCall) -> Result<(), PortError> {
        if self.rules.allow(&call.platform, &call.command) {
            return Ok(());
        }
        Err(PortError::new(NotRun::NotAllowed(name.to_owned())))
    }

    /// Changes rows of a table, once for the job: the change and the note that it was made are one transaction.
    async fn update_table(&self, call: &CommandCall) -> Result<Value, PortError> {
        let answered = format!("{}/answer", call.key);
        if let Some(answer) = self.load(&answered).await? {
            return Ok(answer);
        }
        let update = table_update::read(&call.args).map_err(PortError::new)?;
        let mut transaction = held(self.pool, self.lease).await?;
        let changes = Changes {
            table: &update.table,
            filter: &update.filter,
            values: &update.values,
            limit: update.limit,
        };
        let rows = update_rows(&mut transaction, &changes).await.map_err(PortError::new)?;
        let answer = json!({ "rows": rows });
        save_checkpoint(&mut transaction, self.lease.job.0, &answered, &answer)
            .await
            .map_err(PortError::new)?;
        transaction.commit().await.map_err(PortError::new)?;
        Ok(answer)
    }

    async fn load(&self, step: &str) -> Result<Option<Value>, PortError> {
        load_checkpoint(self.pool, self.lease.job.0, step)
            .await
            .map_err(PortError::new)
    }

    /// Notes `record` for `step`, unless the job is another worker's by now.
    async fn save(&self, step: &str, record: &Value) -> Result<(), PortError> {
        let mut transaction = held(self.pool, self.lease).await?;
        save_checkpoint(&mut transaction, self.lease.job.0, step, record)
            .await
            .map_err(PortError::new)?;
        transaction.commit().await.map_err(PortError::new)
    }

    /// Takes back the note that a command was begun, which is known not to have done anything.
    async fn forget(&self, step: &str) -> Result<(), PortError> {
        let mut transaction = held(self.pool, self.lease).await?;
        remove_checkpoint(&mut transaction, self.lease.job.0, step)
            .await
            .map_err(PortError::new)?;
        transaction.commit().await.map_err(PortError::new)
    }
}

fn moment(record: &Value) -> Option<DateTime<Utc>> {
    record.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_name_and_nothing_else() {
        let rules = CommandRules::new(&[
            "discord  messages.send".to_owned(),
            "discord channels.*".to_owned(),
            "* *.pin".to_owned(),
            "discord *e.*e".to_owned(),
        ]);
        for (command, allowed) in [
            ("messages.send", true),
            ("messages.sends", false),
            ("messages.pin", true),
            ("channels.create", true),
            ("stage.delete", true),
            ("members.ban", false),
            ("", false),
        ] {
            assert_eq!(rules.allow("discord", command), allowed, "{command}");
        }
        assert!(!CommandRules::default().allow("discord", "messages.send"));
    }
}
