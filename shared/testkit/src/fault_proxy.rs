//! A TCP proxy in front of PostgreSQL that fails as networks do, when a test says so.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::PATIENCE;

/// Which way bytes flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the clients: what they ask.
    ToServer,
    /// To the clients: what the server answers.
    FromServer,
}

/// What the proxy does with the bytes of one way.
#[derive(Debug, Clone, Copy, Default)]
struct Conduct {
    is_held: bool,
    delay: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Conducts {
    to_server: Conduct,
    from_server: Conduct,
}

impl Conducts {
    fn of(&mut self, way: Way) -> &mut Conduct {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::FromServer => &mut self.from_server,
        }
    }
}

/// Connections that have bytes which the proxy keeps back, by way.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    to_server: usize,
    from_server: usize,
}

impl Held {
    fn of(&mut self, way: Way) -> &mut usize {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::FromServer => &mut self.from_server,
        }
    }
}

#[derive(Debug)]
struct Control {
    upstream: Mutex<SocketAddr>,
    conducts: watch::Sender<Conducts>,
    held: watch::Sender<Held>,
    /// Grows with every cut; a connection lives as long as it stays what it was at its start.
    cuts: watch::Sender<u64>,
    /// Bytes of answers that may still pass before everything is cut; without it there is no end.
    answers_left: Mutex<Option<usize>>,
}

/// A proxy on a free port of the loopback. It forwards until it is told otherwise, and ends when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    url: String,
    control: Arc<Control>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy in front of the server that `url` names.
    ///
    /// # Panics
    ///
    /// When `url` has no `host:port`, or there is no free port.
    pub async fn before(url: &str) -> Self {
        let upstream = address_in(url).await;
        let bound = TcpListener::bind(("127.0.0.1", 0)).await.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = bound.unwrap_or_else(|error| panic!("no port on 127.0.0.1 for a proxy: {error}"));
        let control = Arc::new(Control {
            upstream: Mutex::new(upstream),
            conducts: watch::Sender::default(),
            held: watch::Sender::default(),
            cuts: watch::Sender::default(),
            answers_left: Mutex::new(None),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&control)));
        Self {
            url: url.replacen(host_and_port(url), &address.to_string(), 1),
            control,
            task,
        }
    }

    /// The URL by which clients reach the server through this proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Leads new connections to the server that `url` names, which may have another port since it was started again.
    ///
    /// # Panics
    ///
    /// When `url` has no `host:port`.
    pub async fn lead_to(&self, url: &str) {
        *lock(&self.control.upstream) = address_in(url).await;
    }

    /// From now on everything passes at once, also what was kept back: as on a network that has healed, nothing is missing.
    pub fn forward(&self) {
        self.control.conducts.send_replace(Conducts::default());
        *lock(&self.control.answers_left) = None;
    }

    /// From now on every piece waits for `delay` before it passes, both ways.
    pub fn delay(&self, delay: Duration) {
        self.control.conducts.send_modify(|conducts| {
            conducts.to_server.delay = delay;
            conducts.from_server.delay = delay;
        });
    }

    /// From now on connections are accepted and stay open, but nothing passes in `way`; call it twice for both.
    pub fn blackhole(&self, way: Way) {
        self.control
            .conducts
            .send_modify(|conducts| conducts.of(way).is_held = true);
    }

    /// Waits until some connection has sent something into the black hole of `way`.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`PATIENCE`].
    pub async fn until_held(&self, way: Way) {
        let mut held = self.control.held.subscribe();
        let arrived = held.wait_for(|held| *held.clone().of(way) > 0);
        let waited = tokio::time::timeout(PATIENCE, arrived).await;
        assert!(waited.is_ok(), "nothing was sent {way:?} within {PATIENCE:?}");
    }

    /// Cuts every connection that there is now, with a reset to both sides. New ones are let through.
    pub fn cut(&self) {
        self.control.cut();
    }

    /// Lets `bytes` more of the server's answers pass, those of all connections together, and cuts every connection in place
    /// of the next one. After `cut_after(0)` a statement reaches the server and takes effect, and its answer is lost.
    pub fn cut_after(&self, bytes: usize) {
        *lock(&self.control.answers_left) = Some(bytes);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections are the task's and go with it.
        self.task.abort();
    }
}

impl Control {
    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many of `bytes` may pass; fewer than all means that the connections are to be cut.
    fn allow(&self, way: Way, bytes: usize) -> usize {
        let mut left = lock(&self.answers_left);
        match (way, *left) {
            (Way::FromServer, Some(most)) if most < bytes => {
                *left = None;
                most
            }
            (Way::FromServer, Some(most)) => {
                *left = Some(most - bytes);
                bytes
            }
            _ => bytes,
        }
    }
}

async fn accept(listener: TcpListener, control: Arc<Control>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone already is no trouble of the others.
                if let Ok((client, _)) = accepted {
                    connections.spawn(carry(client, Arc::clone(&control)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until either side ends it or it is cut.
async fn carry(mut client: TcpStream, control: Arc<Control>) {
    let mut cuts = control.cuts.subscribe();
    let upstream = *lock(&control.upstream);
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        reset(&client);
        return;
    };
    // Both ends of a statement are small; waiting for more to send would only slow the tests down.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let is_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let carried = async {
            tokio::try_join!(
                pump(Way::ToServer, from_client, to_server, &control),
                pump(Way::FromServer, from_server, to_client, &control),
            )
        };
        tokio::select! {
            biased;
            _ = cuts.changed() => true,
            carried = carried => carried.is_err(),
        }
    };
    if is_cut {
        reset(&client);
        reset(&server);
    }
}

/// Makes the close that follows a reset instead of a farewell.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().ok();
}

async fn pump(
    way: Way,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    control: &Control,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let bytes = from.read(&mut buffer).await?;
        pass(way, control).await;
        if bytes == 0 {
            return to.shutdown().await;
        }
        let allowed = control.allow(way, bytes);
        to.write_all(&buffer[..allowed]).await?;
        if allowed < bytes {
            control.cut();
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

/// Waits as long as the proxy's conduct wants it.
async fn pass(way: Way, control: &Control) {
    let mut conducts = control.conducts.subscribe();
    let delay = conducts.borrow().clone().of(way).delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if conducts.borrow().clone().of(way).is_held {
        let _holding = Holding::new(way, control);
        // The sender lives as long as the connection's own hold on the control.
        conducts
            .wait_for(|conducts| !conducts.clone().of(way).is_held)
            .await
            .ok();
    }
}

/// Counts a connection among those whose bytes are kept back, also when it is cut meanwhile.
struct Holding<'a> {
    way: Way,
    control: &'a Control,
}

impl<'a> Holding<'a> {
    fn new(way: Way, control: &'a Control) -> Self {
        control.held.send_modify(|held| *held.of(way) += 1);
        Self { way, control }
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.control.held.send_modify(|held| *held.of(self.way) -= 1);
    }
}

/// The part of `postgres://user:password@HOST:PORT/database` that names the server.
pub(crate) fn host_and_port(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host_and_port)| host_and_port)
}

async fn address_in(url: &str) -> SocketAddr {
    let name = host_and_port(url);
    let found = lookup_host(name)
        .await
        .unwrap_or_else(|error| panic!("`{name}` is no host:port to stand in front of: {error}"))
        .next();
    found.unwrap_or_else(|| panic!("`{name}` has no address"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
