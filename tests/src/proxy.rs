//! A TCP proxy on which the network fails as a test wants it to.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::database::Database;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    /// Bytes arrive after this long.
    Passes(Duration),
    /// Connections come about and stay, and no byte moves, as when packets are dropped.
    Stalls,
    /// What was connected is not, and nothing can connect.
    IsCut,
}

/// A proxy before one server. It ends when dropped.
pub struct Proxy {
    port: u16,
    network: watch::Sender<Network>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free loopback port and passes everything on to `port`.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("an address").port();
        let (network, seen) = watch::channel(Network::Passes(Duration::ZERO));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, port, seen.clone()));
            }
        });
        Self { port: own, network, accepting }
    }

    /// Passes bytes on, held up ones first.
    pub fn pass(&self) {
        self.delay(Duration::ZERO);
    }

    /// Passes bytes on, each this much later, in both directions.
    pub fn delay(&self, by: Duration) {
        self.network.send_replace(Network::Passes(by));
    }

    /// Moves no byte any more, and tells nobody.
    pub fn stall(&self) {
        self.network.send_replace(Network::Stalls);
    }

    /// Ends all connections and lets none come about.
    pub fn cut(&self) {
        self.network.send_replace(Network::IsCut);
    }

    /// The loopback port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection string for the superuser, through the proxy.
    pub fn conninfo(&self, database: &Database<'_>) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{}", self.port, database.name())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Both directions, until one ends or the network is cut.
async fn connection(client: TcpStream, port: u16, mut network: watch::Receiver<Network>) {
    if *network.borrow() == Network::IsCut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("no delay of TCP's own");
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, network.clone()) => {}
        () = pump(from_server, to_client, network.clone()) => {}
        // An error: the proxy is gone, and with it the network.
        _ = network.wait_for(|network| *network == Network::IsCut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut network: watch::Receiver<Network>) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        let Ok(now) = network.wait_for(|network| *network != Network::Stalls).await.map(|now| *now) else {
            return;
        };
        if let Network::Passes(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
