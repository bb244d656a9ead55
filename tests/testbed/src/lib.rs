//! Test bed: a real Envoy, real HTTP services behind it, real clients in front of it.
//!
//! Nothing here stands in for a part that can run: [`Envoy`] is the Envoy binary on one of the bootstraps of
//! `envoy/`, [`Upstream`] is an HTTP service on a loopback port, [`Client`] and [`raw()`] are connections to it; with the
//! feature `servers`, `Etcd`, `ZooKeeper` and `Prometheus` are those. [`Cut`] stands between two of them.
//! Tests, demo and benches build on this; it knows nothing about policies or decisions.
//!
//! ```no_run
//! use graylane_testbed::{Bootstrap, Client, Envoy, Request, Upstream};
//!
//! # async fn example() -> graylane_testbed::Result<()> {
//! let stable = Upstream::start("stable").await?;
//! let mut bootstrap = Bootstrap::load("lane-header")?;
//! bootstrap.endpoint("stable", stable.address())?;
//!
//! let envoy = Envoy::on(bootstrap).start().await?;
//! let mut client = Client::to(envoy.address());
//! let response = client.send(&Request::get("/").host("shop.example.com")).await?;
//! assert_eq!(response.echo()?.service, "stable");
//! # Ok(())
//! # }
//! ```
//!
//! Everything listens on loopback; a port that is not given is a free one, chosen by the system and read back, so
//! tests run side by side. What was started ends with its value: no process or port outlives a test, not even one
//! that panics or is killed.

mod admin;
mod bootstrap;
#[cfg(feature = "servers")]
mod certificate;
mod client;
mod cut;
mod envoy;
#[cfg(feature = "servers")]
mod etcd;
mod launch;
mod load;
mod locate;
mod message;
pub mod page;
mod plugin;
mod port;
mod process;
#[cfg(feature = "servers")]
mod prometheus;
mod raw;
mod upstream;
mod wait;
#[cfg(feature = "servers")]
mod zookeeper;

pub use admin::Admin;
pub use anyhow::{Context, Error, Result, bail, ensure};
pub use bootstrap::Bootstrap;
#[cfg(feature = "servers")]
pub use certificate::{Authority, Certificate};
pub use client::Client;
pub use cut::Cut;
pub use envoy::{Envoy, Swap, Verdict};
#[cfg(feature = "servers")]
pub use etcd::{Etcd, EtcdBuilder, Snapshot};
pub use launch::EnvoyBuilder;
pub use load::{Load, Progress, Tally, Until};
pub use locate::{
    envoy_binary, module, noop_module, oldest_envoy_binary, root, telemetry_module, watch_module,
};
#[cfg(feature = "servers")]
pub use locate::{etcd_binary, promtool_binary};
pub use message::{Echo, Request, Response};
pub use plugin::PluginFile;
pub use process::Process;
#[cfg(feature = "servers")]
pub use prometheus::Prometheus;
pub use raw::raw;
pub use upstream::Upstream;
pub use wait::eventually;
#[cfg(feature = "servers")]
pub use zookeeper::ZooKeeper;

/// Runs `future` to its end on a multi-threaded runtime.
///
/// For tests that would otherwise need a runtime of their own.
///
/// # Errors
/// When no runtime can be built, or what the future returns.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime for the test bed")?
        .block_on(future)
}
