//! A proxy-wasm host for one module: it keeps headers, properties and metrics, runs requests, and counts.
//!
//! It is to the module what Envoy is (ABI 0.2.1, the calls that graylane makes), without a network and without
//! chance: time stands still and random bytes are the same in every run. A call that it does not have fails the
//! request and names itself.

use std::collections::BTreeMap;

use wasmi::{Engine, Error, Global, Instance, Linker, Module, Store, TypedFunc, Val};

use crate::{imports, meter};

/// Header names and values in order.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What the module can see and change.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) configuration: Vec<u8>,
    pub(crate) request: Pairs,
    pub(crate) response: Pairs,
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Names and values of the metrics; their position is their number.
    pub(crate) metrics: Vec<(String, i64)>,
    pub(crate) log: Vec<String>,
    /// How often each call was made, by its name.
    pub(crate) calls: BTreeMap<&'static str, u64>,
}

/// What came of one request.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The headers that go upstream.
    pub(crate) request: Pairs,
    /// The headers that go to the client.
    pub(crate) response: Pairs,
    /// Wasm instructions from the making of the context to its end.
    pub(crate) instructions: u64,
    /// The calls that the module made on the way, by name.
    pub(crate) calls: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// The value of a request header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.request.iter().find(|(have, _)| have == name.as_bytes());
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}

/// A configured module.
pub(crate) struct Host {
    store: Store<State>,
    create: TypedFunc<(i32, i32), ()>,
    request_headers: TypedFunc<(i32, i32, i32), i32>,
    response_headers: TypedFunc<(i32, i32, i32), i32>,
    delete: TypedFunc<i32, ()>,
    counter: Global,
    next: i32,
}

/// The context of the plugin; those of requests come after it.
const ROOT: i32 = 1;

impl Host {
    /// Starts the module as the plugin `graylane` with this configuration.
    pub(crate) fn start(module: &[u8], configuration: &str) -> Result<Self, Error> {
        let engine = Engine::default();
        let module = Module::new(&engine, meter::metered(module)?)?;
        let mut linker = Linker::new(&engine);
        imports::define(&mut linker, &module)?;
        let mut state = State { configuration: configuration.into(), ..State::default() };
        state.properties.insert(b"plugin_name".to_vec(), b"graylane".to_vec());
        state.properties.insert(b"source\0address".to_vec(), b"203.0.113.17:40000".to_vec());
        let mut store = Store::new(&engine, state);
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        instance.get_typed_func::<(), ()>(&store, "_initialize")?.call(&mut store, ())?;
        let create = instance.get_typed_func(&store, "proxy_on_context_create")?;
        create.call(&mut store, (ROOT, 0))?;
        for (callback, size) in [("proxy_on_vm_start", 0), ("proxy_on_configure", configuration.len())] {
            accepted(&mut store, instance, callback, size)?;
        }
        Ok(Self {
            create,
            request_headers: instance.get_typed_func(&store, "proxy_on_request_headers")?,
            response_headers: instance.get_typed_func(&store, "proxy_on_response_headers")?,
            delete: instance.get_typed_func(&store, "proxy_on_delete")?,
            counter: instance
                .get_global(&store, meter::COUNTER)
                .ok_or_else(|| Error::new("the module does not count"))?,
            next: ROOT + 1,
            store,
        })
    }

    /// Leads one request and its response through the module.
    pub(crate) fn exchange(&mut self, request: Pairs, response: Pairs) -> Result<Outcome, Error> {
        let context = self.next;
        self.next += 1;
        let sizes = [&request, &response].map(|pairs| i32::try_from(pairs.len()).unwrap_or(i32::MAX));
        let state = self.store.data_mut();
        (state.request, state.response) = (request, response);
        state.calls.clear();
        let before = self.instructions();
        self.create.call(&mut self.store, (context, ROOT))?;
        self.request_headers.call(&mut self.store, (context, sizes[0], 1))?;
        self.response_headers.call(&mut self.store, (context, sizes[1], 0))?;
        self.delete.call(&mut self.store, context)?;
        let instructions = self.instructions() - before;
        let state = self.store.data_mut();
        Ok(Outcome {
            request: std::mem::take(&mut state.request),
            response: std::mem::take(&mut state.response),
            instructions,
            calls: std::mem::take(&mut state.calls),
        })
    }

    fn instructions(&self) -> u64 {
        match self.counter.get(&self.store) {
            Val::I64(count) => count.cast_unsigned(),
            _ => 0,
        }
    }

    /// What the module has left with its host: properties, metrics, log.
    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }
}

/// Calls what may refuse.
fn accepted(store: &mut Store<State>, instance: Instance, callback: &str, size: usize) -> Result<(), Error> {
    let size = i32::try_from(size).unwrap_or(i32::MAX);
    let callback = (callback, instance.get_typed_func::<(i32, i32), i32>(&*store, callback)?);
    if callback.1.call(&mut *store, (ROOT, size))? == 0 {
        return Err(Error::new(format!("{} refused: {:?}", callback.0, store.data().log)));
    }
    Ok(())
}
