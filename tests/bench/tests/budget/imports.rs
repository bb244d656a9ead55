//! The calls that the module may make, as Envoy answers them.

use wasmi::{AsContextMut, Caller, Error, ExternType, Linker, Memory, Module};

use crate::host::{Pairs, State};

type Result<T> = std::result::Result<T, Error>;

/// Answers of the ABI.
const OK: i32 = 0;
const NOT_FOUND: i32 = 1;
const BAD_ARGUMENT: i32 = 2;

/// Map numbers of the ABI.
const REQUEST_HEADERS: i32 = 0;
const RESPONSE_HEADERS: i32 = 2;
/// The buffer number of the plugin's configuration.
const PLUGIN_CONFIGURATION: i32 = 7;

/// One call from the module.
struct Call<'a> {
    caller: Caller<'a, State>,
    memory: Memory,
}

impl<'a> Call<'a> {
    fn begin(mut caller: Caller<'a, State>, name: &'static str) -> Result<Self> {
        *caller.data_mut().calls.entry(name).or_default() += 1;
        let memory = caller.get_export("memory").and_then(wasmi::Extern::into_memory);
        let memory = memory.ok_or_else(|| Error::new("the module has no memory"))?;
        Ok(Self { caller, memory })
    }

    fn state(&mut self) -> &mut State {
        self.caller.data_mut()
    }

    /// The header map of this number.
    fn map(&mut self, number: i32) -> Result<&mut Pairs> {
        match number {
            REQUEST_HEADERS => Ok(&mut self.state().request),
            RESPONSE_HEADERS => Ok(&mut self.state().response),
            other => Err(Error::new(format!("this host has no header map {other}"))),
        }
    }

    fn bytes(&self, start: i32, length: i32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; offset(length)];
        self.memory.read(&self.caller, offset(start), &mut bytes)?;
        Ok(bytes)
    }

    fn text(&self, start: i32, length: i32) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(start, length)?).into_owned())
    }

    fn write(&mut self, start: i32, bytes: &[u8]) -> Result<()> {
        Ok(self.memory.write(&mut self.caller, offset(start), bytes)?)
    }

    /// Hands bytes over in memory that the module allocates.
    fn give(&mut self, bytes: &[u8], start: i32, length: i32) -> Result<i32> {
        let size = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
        let allocate = self.caller.get_export("proxy_on_memory_allocate").and_then(wasmi::Extern::into_func);
        let allocate = allocate.ok_or_else(|| Error::new("the module does not allocate"))?;
        let at = allocate.typed::<i32, i32>(&self.caller)?.call(self.caller.as_context_mut(), size)?;
        self.write(at, bytes)?;
        self.write(start, &at.to_le_bytes())?;
        self.write(length, &size.to_le_bytes())?;
        Ok(OK)
    }
}

/// An address or length in the module's memory.
fn offset(number: i32) -> usize {
    usize::try_from(number.cast_unsigned()).unwrap_or(usize::MAX)
}

/// Defines every import of the module; one that this host does not have fails when it is called.
pub(crate) fn define(linker: &mut Linker<State>, module: &Module) -> Result<()> {
    headers(linker)?;
    properties(linker)?;
    metrics(linker)?;
    system(linker)?;
    for import in module.imports() {
        if let ExternType::Func(signature) = import.ty() {
            let name = import.name().to_owned();
            // What is defined above stays as it is.
            let _defined =
                linker.func_new(import.module(), import.name(), signature.clone(), move |_, _, _| {
                    Err(Error::new(format!("the module calls {name}, which this host does not have")))
                });
        }
    }
    Ok(())
}

fn headers(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |caller: Caller<'_, State>, map: i32, start: i32, length: i32| {
            let mut call = Call::begin(caller, "get_header_map_pairs")?;
            let pairs = serialized(call.map(map)?);
            call.give(&pairs, start, length)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |caller: Caller<'_, State>, map: i32, name: i32, size: i32, start: i32, length: i32| {
            let mut call = Call::begin(caller, "get_header_map_value")?;
            let name = call.bytes(name, size)?;
            let value = call.map(map)?.iter().find(|pair| pair.0 == name).map(|pair| pair.1.clone());
            value.map_or(Ok(NOT_FOUND), |value| call.give(&value, start, length))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |caller: Caller<'_, State>, map: i32, name: i32, size: i32, value: i32, length: i32| {
            let mut call = Call::begin(caller, "replace_header_map_value")?;
            let (name, value) = (call.bytes(name, size)?, call.bytes(value, length)?);
            let pairs = call.map(map)?;
            // Of several values it is the first that is replaced.
            match pairs.iter_mut().find(|pair| pair.0 == name) {
                Some(pair) => pair.1 = value,
                None => pairs.push((name, value)),
            }
            Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |caller: Caller<'_, State>, map: i32, name: i32, size: i32, value: i32, length: i32| {
            let mut call = Call::begin(caller, "add_header_map_value")?;
            let pair = (call.bytes(name, size)?, call.bytes(value, length)?);
            call.map(map)?.push(pair);
            Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |caller: Caller<'_, State>, map: i32, name: i32, size: i32| {
            let mut call = Call::begin(caller, "remove_header_map_value")?;
            let name = call.bytes(name, size)?;
            call.map(map)?.retain(|pair| pair.0 != name);
            Ok(OK)
        },
    )?;
    Ok(())
}

fn properties(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |caller: Caller<'_, State>, path: i32, size: i32, start: i32, length: i32| {
            let mut call = Call::begin(caller, "get_property")?;
            let path = call.bytes(path, size)?;
            let value = call.state().properties.get(&path).cloned();
            value.map_or(Ok(NOT_FOUND), |value| call.give(&value, start, length))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |caller: Caller<'_, State>, path: i32, size: i32, value: i32, length: i32| {
            let mut call = Call::begin(caller, "set_property")?;
            let (path, value) = (call.bytes(path, size)?, call.bytes(value, length)?);
            call.state().properties.insert(path, value);
            Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |caller: Caller<'_, State>, buffer: i32, first: i32, most: i32, start: i32, length: i32| {
            let mut call = Call::begin(caller, "get_buffer_bytes")?;
            if buffer != PLUGIN_CONFIGURATION {
                return Ok(NOT_FOUND);
            }
            let rest = call.state().configuration.iter().skip(offset(first));
            let bytes: Vec<u8> = rest.take(offset(most)).copied().collect();
            call.give(&bytes, start, length)
        },
    )?;
    Ok(())
}

fn metrics(linker: &mut Linker<State>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |caller: Caller<'_, State>, _kind: i32, name: i32, size: i32, number: i32| {
            let mut call = Call::begin(caller, "define_metric")?;
            let name = call.text(name, size)?;
            let metrics = &mut call.state().metrics;
            let at = metrics.iter().position(|metric| metric.0 == name).unwrap_or_else(|| {
                metrics.push((name, 0));
                metrics.len() - 1
            });
            call.write(number, &u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes())?;
            Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |caller: Caller<'_, State>, number: i32, by: i64| {
            let mut call = Call::begin(caller, "increment_metric")?;
            let metric = call.state().metrics.get_mut(offset(number));
            Ok(metric.map_or(BAD_ARGUMENT, |metric| {
                metric.1 += by;
                OK
            }))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_record_metric",
        |caller: Caller<'_, State>, number: i32, value: i64| {
            let mut call = Call::begin(caller, "record_metric")?;
            let metric = call.state().metrics.get_mut(offset(number));
            Ok(metric.map_or(BAD_ARGUMENT, |metric| {
                metric.1 = value;
                OK
            }))
        },
    )?;
    linker.func_wrap("env", "proxy_get_metric", |caller: Caller<'_, State>, number: i32, value: i32| {
        let mut call = Call::begin(caller, "get_metric")?;
        let Some(found) = call.state().metrics.get(offset(number)).map(|metric| metric.1) else {
            return Ok(BAD_ARGUMENT);
        };
        call.write(value, &found.to_le_bytes())?;
        Ok(OK)
    })?;
    Ok(())
}

fn system(linker: &mut Linker<State>) -> Result<()> {
    const WASI: &str = "wasi_snapshot_preview1";
    linker.func_wrap(
        "env",
        "proxy_log",
        |caller: Caller<'_, State>, _level: i32, start: i32, length: i32| {
            let mut call = Call::begin(caller, "log")?;
            let line = call.text(start, length)?;
            call.state().log.push(line);
            Ok(OK)
        },
    )?;
    linker.func_wrap(WASI, "random_get", |caller: Caller<'_, State>, start: i32, length: i32| {
        let mut call = Call::begin(caller, "random_get")?;
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(offset(length)).collect();
        call.write(start, &bytes)?;
        Ok(OK)
    })?;
    // Time stands still.
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |caller: Caller<'_, State>, time: i32| {
            let mut call = Call::begin(caller, "get_current_time_nanoseconds")?;
            call.write(time, &[0; 8])?;
            Ok(OK)
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |caller: Caller<'_, State>, _clock: i32, _precision: i64, time: i32| {
            let mut call = Call::begin(caller, "clock_time_get")?;
            call.write(time, &[0; 8])?;
            Ok(OK)
        },
    )?;
    linker.func_wrap(WASI, "environ_sizes_get", |caller: Caller<'_, State>, count: i32, size: i32| {
        let mut call = Call::begin(caller, "environ_sizes_get")?;
        call.write(count, &[0; 4])?;
        call.write(size, &[0; 4])?;
        Ok(OK)
    })?;
    linker.func_wrap(WASI, "environ_get", |_: Caller<'_, State>, _list: i32, _texts: i32| OK)?;
    Ok(())
}

/// Pairs as the ABI hands them over: their number, the lengths, then each text with a zero after it.
fn serialized(pairs: &Pairs) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend([number(name.len()), number(value.len())].concat());
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    bytes
}
