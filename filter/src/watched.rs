//! The plan of a watch, taken over on this worker.
//!
//! A gauge says with each request whether there is something new; it costs a tenth of what shared data would. Where a
//! bootstrap drops the gauge, shared data is asked in its place.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use graylane::pages::{Fault, Reader, generation_gauge, shared_key};
use graylane_host::{self as host, Level, Metric};

/// As often a plan is read that is replaced meanwhile, before the next request tries again.
const TRIES: usize = 3;

/// A watch whose plan is in force here.
#[derive(Debug)]
pub(crate) struct Watched {
    name: String,
    generation: Option<Metric>,
    /// Microseconds that the last takeover held up this worker.
    takeover: Option<Metric>,
    failed: Option<Metric>,
    reader: RefCell<Reader>,
    /// The generation that could not be taken over: no need to try it again.
    given_up: Cell<u64>,
}

thread_local! {
    /// Those of this VM: all its listeners share one plan.
    static ALL: RefCell<Vec<Rc<Watched>>> = RefCell::default();
}

impl Watched {
    /// The watch of this name.
    pub(crate) fn named(name: &str) -> Rc<Self> {
        let known = ALL.with_borrow(|all| all.iter().find(|watched| watched.name == name).cloned());
        let watched = known.unwrap_or_else(|| {
            let new = Rc::new(Watched {
                name: name.to_owned(),
                generation: host::gauge(&generation_gauge(name)),
                takeover: host::gauge(&format!("graylane.watch_takeover_us.{name}")),
                failed: host::counter(&format!("graylane.watch_takeover_failed.{name}")),
                reader: RefCell::default(),
                given_up: Cell::default(),
            });
            ALL.with_borrow_mut(|all| all.push(Rc::clone(&new)));
            new
        });
        watched.refresh();
        watched
    }

    /// Takes over what is new, then hands it to `use_it`; nothing where there is none yet.
    pub(crate) fn with_plan<T>(&self, use_it: impl FnOnce(Option<&Reader>) -> T) -> T {
        self.refresh();
        match self.reader.try_borrow() {
            Ok(reader) if reader.generation() > 0 => use_it(Some(&reader)),
            _ => use_it(None),
        }
    }

    fn refresh(&self) {
        let Ok(mut reader) = self.reader.try_borrow_mut() else { return };
        let generation = self.generation.map_or(0, Metric::get);
        let is_known = [reader.generation(), self.given_up.get()].contains(&generation);
        if is_known && generation > 0 {
            return;
        }
        let (before, began) = (reader.generation(), Instant::now());
        for _ in 0..TRIES {
            match reader.read(|part| host::shared(&shared_key(&self.name, part))) {
                Ok(()) if reader.generation() == before => return,
                Ok(()) => {
                    let held_up = u64::try_from(began.elapsed().as_micros()).unwrap_or_default();
                    if let Some(gauge) = self.takeover {
                        gauge.set(held_up);
                    }
                    let (revision, releases) = (reader.revision(), reader.plan().len());
                    let what =
                        format!("revision {revision}, {releases} releases, taken over in {held_up} us");
                    return self.log(Level::Debug, &what);
                }
                Err(Fault::Absent) => return,
                Err(Fault::Torn) => {}
                Err(fault) => {
                    self.given_up.set(generation);
                    if let Some(counter) = self.failed {
                        counter.add(1);
                    }
                    return self.log(
                        Level::Error,
                        &format!("cannot be taken over, what was in force stays: {fault}"),
                    );
                }
            }
        }
    }

    fn log(&self, level: Level, what: &str) {
        host::log(level, &format!("graylane watch {}: {what}", self.name));
    }
}
