//! A stub of Discord's REST API with the faults that make posting hard.

mod calls;
mod fault;
mod in_channel;
mod misbehaviour;
mod refusal;
mod room;
mod routes;
mod server;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::Value;
use tokio::sync::watch;

pub use fault::{DiscordFault, RateLimitScope};
pub use room::DiscordMessage;

use crate::connections::{Served, serve};
use crate::journal::Journal;
use room::Room;
use server::Channels;

/// One request as it arrived, refused ones included.
#[derive(Debug, Clone)]
pub struct DiscordRequest {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// The path and query of the URL.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; `null` when there was none or it was not JSON.
    pub body: Value,
}

/// What the handlers share with the test.
struct Shared {
    requests: Journal<DiscordRequest>,
    published: Journal<DiscordMessage>,
    room: Mutex<Room>,
    channels: Mutex<Channels>,
    faults: Mutex<VecDeque<DiscordFault>>,
    faults_of_calls: Mutex<Vec<(String, DiscordFault)>>,
    is_held: watch::Sender<bool>,
}

impl Shared {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest fault that was queued for this very call.
    fn fault_of(&self, method: &str, path: &str) -> Option<DiscordFault> {
        let call = format!("{method} {path}");
        let mut faults = self.faults_of_calls.lock().unwrap_or_else(PoisonError::into_inner);
        let position = faults.iter().position(|(failing, _)| *failing == call)?;
        Some(faults.remove(position).1)
    }

    fn next_fault(&self) -> Option<DiscordFault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn until_released(&self) {
        // An error means that the stub is gone, and with it the need to wait.
        let _ = self.is_held.subscribe().wait_for(|is_held| !is_held).await;
    }
}

/// Discord on the loopback: real ids, a real memory for nonces, and faults on demand.
///
/// Every numeric channel exists, in server `1000000000000000001` if no test put it elsewhere. Each token is an author of
/// its own. Messages, channels and threads are kept; members, roles, events and lists are samples that look real. A path
/// or method that Discord has not is answered as Discord does, with 404.
pub struct StubDiscord {
    shared: Arc<Shared>,
    served: Served,
}

impl StubDiscord {
    /// Starts a stub without messages and faults. It remembers nonces for 5 minutes.
    ///
    /// # Panics
    ///
    /// When no port of the loopback is free.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            requests: Journal::new(),
            published: Journal::new(),
            room: Mutex::new(Room::new()),
            channels: Mutex::default(),
            faults: Mutex::default(),
            faults_of_calls: Mutex::default(),
            is_held: watch::Sender::new(false),
        });
        let router = Router::new()
            .route(
                "/api/v10/channels/{channel}/messages",
                get(routes::read_messages).post(routes::create_message),
            )
            .route("/api/v10/users/@me", get(routes::me))
            .fallback(calls::call)
            .with_state(Arc::clone(&shared));
        let served = serve(router).await;
        Self { shared, served }
    }

    /// The base URL, version included, to use instead of `https://discord.com/api/v10`.
    pub fn url(&self) -> String {
        format!("http://{}/api/v10", self.served.address)
    }

    /// Queues a fault for one `POST` of a message, behind those queued before.
    pub fn fail_next(&self, fault: DiscordFault) {
        self.shared
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(fault);
    }

    /// Queues a fault for one request of a method and a path below the version, such as `DELETE channels/1/messages/2`.
    /// [`DiscordFault::HoldThenCommit`] acts only if the client still waits.
    pub fn fail_call(&self, call: &str, fault: DiscordFault) {
        let mut faults = self
            .shared
            .faults_of_calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        faults.push((call.to_owned(), fault));
    }

    /// Adds a channel to a server, with Discord's number for its kind; 0 is a text channel.
    pub fn add_channel(&self, guild: &str, id: &str, name: &str, kind: i64) {
        self.shared.channels().add(guild, id, name, kind);
    }

    /// The channels of a server as the API shows them, threads left out.
    pub fn channels(&self, guild: &str) -> Vec<Value> {
        self.shared.channels().of(guild)
    }

    /// Keeps the faults that hold something waiting, until [`StubDiscord::release`].
    pub fn hold(&self) {
        self.shared.is_held.send_replace(true);
    }

    /// Lets go of everything that [`StubDiscord::hold`] kept waiting.
    pub fn release(&self) {
        self.shared.is_held.send_replace(false);
    }

    /// Changes how long a nonce is remembered. Discord promises "a few minutes".
    pub fn set_nonce_window(&self, window: Duration) {
        self.shared.room().nonce_window = window;
    }

    /// Forgets every nonce, as if the window had passed.
    pub fn forget_nonces(&self) {
        self.shared.room().forget_nonces();
    }

    /// Dates the messages to come this far into the past, as if they had been sent then.
    pub fn backdate(&self, age: Duration) {
        self.shared.room().backdated = age;
    }

    /// Takes the permission to read history away: reading answers an empty list, as Discord does, not an error.
    pub fn deny_history(&self) {
        self.shared.room().is_history_denied = true;
    }

    /// Removes a channel, which then answers 404 with code 10003.
    pub fn remove_channel(&self, channel: &str) {
        self.shared.room().removed_channels.insert(channel.to_owned());
    }

    /// Deletes a message, as a moderator does. Its nonce is still remembered, and answers with code 10008.
    pub fn delete_message(&self, id: &str) {
        self.shared.room().delete(id);
    }

    /// The messages that stand in `channel`, oldest first.
    pub fn messages(&self, channel: &str) -> Vec<DiscordMessage> {
        self.shared.room().in_channel(channel)
    }

    /// Waits for message `n` of all channels, counted from 1 in order of creation, deleted ones included.
    ///
    /// # Panics
    ///
    /// When it does not come within [`crate::PATIENCE`].
    pub async fn message(&self, n: usize) -> DiscordMessage {
        self.shared.published.nth(n, "Discord message").await
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<DiscordRequest> {
        self.shared.requests.all()
    }

    /// Waits for request `n`, counted from 1.
    ///
    /// # Panics
    ///
    /// When it does not come within [`crate::PATIENCE`].
    pub async fn request(&self, n: usize) -> DiscordRequest {
        self.shared.requests.nth(n, "Discord request").await
    }
}
