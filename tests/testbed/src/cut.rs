//! A line between two parts that can be cut.

use std::mem::replace;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Error, Result};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::connect;
use crate::port;

/// A loopback port whose connections lead to another address, until they are cut; it ends with this value.
///
/// Whoever is to lose sight of a server is told this address in its place.
#[derive(Debug)]
pub struct Cut {
    address: SocketAddr,
    line: Arc<Line>,
    accepting: Option<JoinHandle<()>>,
}

/// What connections share.
#[derive(Debug)]
struct Line {
    target: SocketAddr,
    /// Told to the connections that stand when they are severed; those after that have another one.
    severed: Mutex<watch::Sender<bool>>,
    stalled: watch::Sender<bool>,
    accepted: AtomicU64,
}

impl Cut {
    /// A line to `target`, whole to begin with.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn before(target: SocketAddr) -> Result<Self> {
        let [port] = port::free()?;
        let line = Line {
            target,
            severed: Mutex::new(watch::Sender::new(false)),
            stalled: watch::Sender::new(false),
            accepted: AtomicU64::new(0),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut cut = Self { address, line: Arc::new(line), accepting: None };
        cut.heal().await?;
        Ok(cut)
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections stand.
    pub fn connections(&self) -> usize {
        self.line.severed().receiver_count()
    }

    /// How many connections were taken so far.
    pub fn accepted(&self) -> u64 {
        self.line.accepted.load(Ordering::Relaxed)
    }

    /// Resets the connections that stand, on both sides, and waits until they are gone; new ones are still taken.
    pub async fn sever(&self) {
        let severed = replace(&mut *self.line.severed(), watch::Sender::new(false));
        severed.send_replace(true);
        severed.closed().await;
    }

    /// Closes the port: new connections are refused. Those that stand go on.
    pub async fn refuse(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Ends with the cancellation that was just asked for; by then the port is closed.
            let _cancelled = accepting.await;
        }
    }

    /// From now on nothing is forwarded, on no connection and in no direction; new ones are taken all the same, as by a network that
    /// swallows everything. What was sent meanwhile arrives when it is healed.
    pub fn stall(&self) {
        self.line.stalled.send_replace(true);
    }

    /// Makes it whole again: takes connections, and forwards.
    ///
    /// # Errors
    /// When its port was taken meanwhile.
    pub async fn heal(&mut self) -> Result<()> {
        self.line.stalled.send_replace(false);
        if self.accepting.is_none() {
            let listener = TcpListener::bind(self.address).await.with_context(|| {
                format!("the cut before {} cannot listen on {}", self.line.target, self.address)
            })?;
            self.accepting = Some(tokio::spawn(accept(listener, Arc::clone(&self.line))));
        }
        Ok(())
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl Line {
    fn severed(&self) -> std::sync::MutexGuard<'_, watch::Sender<bool>> {
        self.severed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until it is dropped. They go on without it; they end when the line does.
async fn accept(listener: TcpListener, line: Arc<Line>) {
    loop {
        if let Ok((near, _)) = listener.accept().await {
            line.accepted.fetch_add(1, Ordering::Relaxed);
            let (severed, stalled) = (line.severed().subscribe(), line.stalled.subscribe());
            tokio::spawn(carry(near, line.target, severed, stalled));
        }
    }
}

/// Carries one connection until a side ends it or it is severed.
async fn carry(
    mut near: TcpStream,
    target: SocketAddr,
    mut severed: watch::Receiver<bool>,
    stalled: watch::Receiver<bool>,
) {
    let carried = async {
        near.set_nodelay(true)?;
        let opened = async {
            flowing(&mut stalled.clone()).await?;
            connect(Ipv4Addr::LOCALHOST.into(), target).await
        };
        let mut far = tokio::select! {
            far = opened => far?,
            _ = severed.wait_for(|severed| *severed) => return Ok(false),
        };
        let ended = {
            let (near_reads, near_writes) = near.split();
            let (far_reads, far_writes) = far.split();
            let both = async {
                tokio::try_join!(
                    pass(near_reads, far_writes, stalled.clone()),
                    pass(far_reads, near_writes, stalled.clone())
                )
            };
            tokio::select! {
                ended = both => ended.is_ok(),
                _ = severed.wait_for(|severed| *severed) => false,
            }
        };
        if !ended {
            far.set_zero_linger()?;
        }
        Ok::<_, Error>(ended)
    };
    let ended = carried.await;
    if !ended.unwrap_or(false) {
        // It breaks as it does where nobody listens any more, or whoever did is gone.
        let _reset = near.set_zero_linger();
    }
}

/// Passes on what one side sends, until it has ended.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut stalled: watch::Receiver<bool>,
) -> Result<()> {
    let mut held = BytesMut::with_capacity(16 << 10);
    while from.read_buf(&mut held).await? > 0 {
        flowing(&mut stalled).await?;
        to.write_all_buf(&mut held).await?;
    }
    flowing(&mut stalled).await?;
    Ok(to.shutdown().await?)
}

/// Waits while nothing is forwarded.
async fn flowing(stalled: &mut watch::Receiver<bool>) -> Result<()> {
    stalled.wait_for(|stalled| !*stalled).await?;
    Ok(())
}
