//! A way to a server whose connections can be cut.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards each connection to a server, until it is cut.
pub(crate) struct Proxy {
    port: u16,
    cuts: watch::Sender<()>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, cuts) = (listener.local_addr()?.port(), watch::Sender::new(()));
        let until = cuts.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut until = until.clone();
                until.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = forward(client, server) => {}
                        _ = until.changed() => {}
                    }
                });
            }
        });
        Ok(Self { port, cuts })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection; the next ones are forwarded again.
    pub(crate) fn cut(&self) {
        self.cuts.send_replace(());
    }
}

async fn forward(mut client: TcpStream, server: u16) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
