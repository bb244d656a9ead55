//! The service in Envoy: a singleton on the main thread, so nothing that it does holds up a request.

mod link;
mod metrics;

use std::time::{Duration, Instant};

use graylane::error::PolicyErrors;
use graylane::pages::{Part, Writer, shared_key};
use graylane_host::{self as host, Level};
use proxy_wasm::traits::{Context, RootContext};
use proxy_wasm::types::ContextType;

use crate::config::Config;
use crate::etcd::{Change, Follower, News};
use crate::intake::{Intake, Kind, Step};
use crate::silence::Silence;
use crate::store::{Fault, Store};
use link::EnvoyLink;
use metrics::Metrics;

/// How often it looks at the clock: for what waits, and to tell how long etcd is silent.
const TICK: Duration = Duration::from_millis(20);
/// So long documents are opened at a time,
const SLICE: Duration = Duration::from_millis(5);
/// and so long whoever else is on the thread has it before they go on.
const PAUSE: Duration = Duration::from_millis(1);
/// As many mistakes of one document are logged.
const LOGGED: usize = 100;

/// The service. Without a good configuration it does nothing, and says so.
#[derive(Default)]
pub(crate) struct Service {
    watch: Option<Watch>,
}

/// A prefix of etcd that is followed.
struct Watch {
    name: String,
    prefix: String,
    follower: Follower,
    link: EnvoyLink,
    intake: Intake,
    /// Whether something waits to be opened, with the next tick.
    is_busy: bool,
    store: Store,
    silence: Silence,
    writer: Writer,
    metrics: Metrics,
    /// What the configuration has in force before etcd was heard.
    snapshot: Vec<Change>,
    began: Instant,
}

impl Context for Service {
    fn on_grpc_call_response(&mut self, call: u32, status: u32, size: usize) {
        let Some(watch) = &mut self.watch else { return };
        let (now, body) = (watch.now(), if status == 0 { host::grpc::received(size) } else { Vec::new() });
        let reply = if status == 0 { Ok(&*body) } else { Err(status) };
        let news = watch.follower.reply(call, reply, now, &mut watch.link);
        watch.learn(news);
    }

    fn on_grpc_stream_message(&mut self, stream: u32, size: usize) {
        let Some(watch) = &mut self.watch else { return };
        let message = host::grpc::received(size);
        let news = watch.follower.message(stream, &message, watch.now(), &mut watch.link);
        watch.learn(news);
    }

    fn on_grpc_stream_close(&mut self, stream: u32, status: u32) {
        let Some(watch) = &mut self.watch else { return };
        let news = watch.follower.closed(stream, status, watch.now());
        watch.learn(news);
    }
}

impl RootContext for Service {
    fn on_configure(&mut self, size: usize) -> bool {
        let name = host::plugin_name();
        match Watch::new(&name, &host::plugin_configuration(size)) {
            Ok(watch) => {
                self.watch = Some(watch);
                host::tick_every(TICK);
            }
            // Envoy would not start without it; and traffic has its default routes.
            Err(errors) => {
                host::log(Level::Critical, &format!("graylane watch {name}: refused, NOTHING IS FOLLOWED"));
                log_all(Level::Critical, &format!("graylane watch {name}"), &errors);
            }
        }
        true
    }

    fn on_tick(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        // Not while it is configured, which happens to a copy of the VM too.
        if !watch.snapshot.is_empty() {
            let snapshot = std::mem::take(&mut watch.snapshot);
            watch.intake.change(0, snapshot);
        }
        watch.open();
        let now = watch.now();
        // Not before what was listed last is open: however often etcd has to be listed, it is in force some time.
        if !(watch.follower.will_list() && watch.intake.has_list()) {
            let news = watch.follower.tick(now, &mut watch.link);
            watch.learn(news);
        }
        watch.judge_silence();
    }

    fn get_type(&self) -> Option<ContextType> {
        None
    }
}

impl Watch {
    fn new(name: &str, configuration: &[u8]) -> Result<Self, PolicyErrors> {
        let (config, keyring) = Config::parse(configuration)?;
        let Config { etcd, keys, snapshot, .. } = config;
        let etcd = etcd.unwrap_or_default();
        let snapshot = snapshot.into_iter().map(|entry| Change {
            key: entry.key.unwrap_or_default(),
            value: entry.value.map(String::into_bytes),
        });
        Ok(Watch {
            name: name.to_owned(),
            prefix: etcd.prefix().to_owned(),
            follower: Follower::new(&etcd),
            store: Store::new(keyring.is_some(), keys)?,
            intake: Intake::new(keyring),
            silence: Silence::default(),
            is_busy: false,
            // Nobody else has used numbers as high.
            writer: Writer::above(host::now_micros()),
            metrics: Metrics::define(name),
            snapshot: snapshot.collect(),
            began: Instant::now(),
            link: EnvoyLink { cluster: etcd.cluster.unwrap_or_default() },
        })
    }

    /// Milliseconds since it was configured.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn learn(&mut self, news: Option<News>) {
        self.judge_silence();
        match news {
            Some(News::List { revision, values, is_another_history }) => {
                self.intake.list(revision, values, is_another_history);
            }
            Some(News::Changes { revision, changes }) => self.intake.change(revision, changes),
            Some(News::Trouble(what)) => {
                self.metrics.trouble();
                return self.log(Level::Error, &what);
            }
            None => return,
        }
        if !self.is_busy {
            self.open();
        } else if self.intake.is_overrun() {
            let news = self.follower.overrun(self.now(), &mut self.link);
            self.learn(news);
        }
    }

    /// Tells the workers when etcd was silent for longer than the settings allow, and when it is heard again.
    fn judge_silence(&mut self) {
        let now = self.now();
        let silent = self.follower.contact().map_or(now, |contact| now.saturating_sub(contact));
        self.metrics.silent(silent);
        if !self.silence.judge(self.store.stale(), silent, host::now) {
            return;
        }
        let generation = self.writer.write_staleness(self.silence.staleness(), share_as(&self.name));
        self.metrics.handed_over(generation);
        let too_long = self.silence.too_long();
        self.metrics.stale(too_long.is_some());
        match too_long {
            Some((since, what)) => {
                self.log(Level::Critical, &format!("since {since} etcd is silent for too long: {what}"));
            }
            None => self.log(Level::Info, "etcd is no longer silent for too long"),
        }
    }

    /// Opens what waits for a slice of time, and puts in force what is open.
    fn open(&mut self) {
        let began = Instant::now();
        while let Some(step) = self.intake.open(|| began.elapsed() < SLICE) {
            self.put_in_force(step);
        }
        let is_busy = !self.intake.is_empty();
        if std::mem::replace(&mut self.is_busy, is_busy) != is_busy {
            host::tick_every(if is_busy { PAUSE } else { TICK });
        }
    }

    fn put_in_force(&mut self, Step { revision, kind, documents }: Step) {
        let count = documents.len();
        let Kind::List { is_another_history } = kind else {
            let faults = self.store.change(documents);
            return self.hand_over(revision, &faults);
        };
        if is_another_history {
            let line = format!("etcd is at revision {revision} of another history, what was in force stays");
            self.log(Level::Critical, &line);
        }
        let faults = self.store.list(documents, is_another_history);
        self.hand_over(revision, &faults);
        let (releases, others) = (self.store.releases(), self.store.faulty());
        let line = format!(
            "{count} documents at revision {revision}: {releases} releases in force, {others} documents not"
        );
        self.log(Level::Info, &line);
    }

    /// Hands what changed to the workers, and tells what was refused.
    fn hand_over(&mut self, revision: i64, faults: &[Fault]) {
        let revision = u64::try_from(revision).unwrap_or_default();
        let name = &self.name;
        let (live, settings) = self.store.live_under_settings();
        let generation = self.writer.write(live, settings, revision, share_as(name));
        // First of all: workers wait for it.
        self.metrics.handed_over(generation);
        self.metrics.in_force(revision, self.store.releases(), self.store.faulty());
        for fault in faults {
            self.metrics.refused(fault.reason);
            let version =
                if fault.version > 0 { format!("version {} of ", fault.version) } else { String::new() };
            let place = format!("{version}{}{}", self.prefix, fault.key);
            log_all(
                Level::Error,
                &format!("graylane watch {name}: {place}: {}", fault.reason),
                &fault.errors,
            );
        }
    }

    fn log(&self, level: Level, line: &str) {
        host::log(level, &format!("graylane watch {}: {line}", self.name));
    }
}

/// Hands parts to the workers, as those of the watch of this name.
fn share_as(name: &str) -> impl FnMut(Part, &[u8]) {
    move |part, bytes| host::share(&shared_key(name, part), bytes)
}

fn log_all(level: Level, what: &str, errors: &PolicyErrors) {
    for error in errors.iter().take(LOGGED) {
        host::log(level, &format!("{what}: {error}"));
    }
    if errors.len() > LOGGED {
        host::log(level, &format!("{what}: and {} more mistakes", errors.len() - LOGGED));
    }
}
